/**
 * Accepts messages at a pace, as a server of the usual pattern does: one `queue.add` for each, which it does not wait for.
 * Asked by lines on its input, `PACE SECONDS`, it answers each with a line when every `add` is done. It has no sockets.
 *
 *     node sender.js REDIS_PORT CONVERSATIONS MEMBERS TEXT_BYTES
 */
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { Queue } from "bullmq";

const TICK_MS = 10;
const [port, conversations, members, textBytes] = process.argv.slice(2).map(Number);
const queue = new Queue("messages", {
  connection: { host: "127.0.0.1", port },
  defaultJobOptions: { removeOnComplete: true },
});
const content = "m".repeat(textBytes);
let number = 0;

/** As `bench.bullmq` numbers conversations and people. */
const uuid = (value) => `00000000-0000-0000-0000-${value.toString(16).padStart(12, "0")}`;

function add() {
  const conversation = number % conversations;
  const member = Math.floor(number / conversations) % members;
  number += 1;
  const senderId = uuid(conversation * members + member);
  return queue.add("message", { id: randomUUID(), conversationId: uuid(conversation), senderId, content });
}

await queue.waitUntilReady();
process.stdout.write("ready\n");
for await (const line of createInterface({ input: process.stdin })) {
  const [pace, seconds] = line.split(" ").map(Number);
  const begun = performance.now();
  const adding = [];
  while (adding.length < pace * seconds) {
    const due = Math.min(pace * seconds, ((performance.now() - begun) / 1000) * pace);
    while (adding.length < due) adding.push(add());
    await sleep(TICK_MS);
  }
  await Promise.all(adding);
  process.stdout.write(`${adding.length}\n`);
}
process.exit(0);
