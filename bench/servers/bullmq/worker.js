/**
 * A worker of BullMQ that stores each message by itself: a member check, an insert and an update, through a pool of ten
 * connections, ten jobs at a time. No transaction is opened around the three, and statements are prepared once.
 *
 *     node worker.js REDIS_PORT POSTGRES_FOLDER DATABASE
 */
import { Worker } from "bullmq";
import pg from "pg";

const AT_ONCE = 10;
const [port, host, database] = process.argv.slice(2);
const pool = new pg.Pool({ host, database, user: "postgres", max: AT_ONCE });

const CHECK = "SELECT 1 FROM conversation_members WHERE conversation_id = $1 AND user_id = $2";
const INSERT = "INSERT INTO messages (id, conversation_id, sender_id, content) VALUES ($1, $2, $3, $4)";
const UPDATE = "UPDATE conversations SET last_message_at = now() WHERE id = $1";

async function store({ data }) {
  const { id, conversationId, senderId, content } = data;
  const member = await pool.query({ name: "check", text: CHECK, values: [conversationId, senderId] });
  if (member.rowCount === 0) throw new Error("not_a_member");
  await pool.query({ name: "insert", text: INSERT, values: [id, conversationId, senderId, content] });
  await pool.query({ name: "update", text: UPDATE, values: [conversationId] });
}

const worker = new Worker("messages", store, { connection: { host: "127.0.0.1", port: Number(port) }, concurrency: AT_ONCE });
await worker.waitUntilReady();
process.stdout.write("ready\n");
