-- The statements of a batch of plain sends on SQLite: three reads and four writes, whatever the size of the batch.
-- A list of keys arrives as one JSON array of strings; a pair of ids is the two written one after the other (36 characters
-- each), which SQLite takes apart faster than nested JSON.

-- name: heads
-- The counters of the batch's conversations.
SELECT id, last_seq, version, message_count, last_message_at
FROM conversations
WHERE id IN (SELECT value FROM json_each(?1));

-- name: senders
-- The senders who are members now: from which seq they see, and who they are.
SELECT pair.value, members.visible_from_seq, users.name, users.avatar_url
FROM json_each(?1) AS pair
CROSS JOIN members ON members.conversation_id = substr(pair.value, 1, 36) AND members.user_id = substr(pair.value, 37)
CROSS JOIN users ON users.id = members.user_id
WHERE members.left_at IS NULL;

-- name: present
-- Messages of the batch that are stored already, and messages it replies to.
SELECT pair.value, messages.seq, messages.sender_id, messages.body_hash, messages.content, messages.type,
       messages.deleted_at
FROM json_each(?1) AS pair
CROSS JOIN messages ON messages.conversation_id = substr(pair.value, 1, 36) AND messages.id = substr(pair.value, 37);

-- name: insert_message
-- One new message; runs once per row.
INSERT INTO messages (conversation_id, id, seq, version, ordinal, sender_id, type, content, body_hash, mentions, reply_to_id,
                      attachments, silent, keep_unread, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: raise_head
-- The counters after the batch; runs once per conversation.
UPDATE conversations
SET last_seq = ?, version = ?, message_count = ?, last_message_at = ?
WHERE id = ?;

-- name: move_mark
-- The sender has read up to the message; runs once per sender and conversation.
UPDATE members
SET last_read_seq = ?, last_read_ordinal = ?, last_read_at = ?, own_since_read = ?, marked_unread = 0
WHERE conversation_id = ? AND user_id = ?;

-- name: keep_mark
-- The sender has written without reading; runs once per sender and conversation.
UPDATE members
SET own_since_read = own_since_read + ?
WHERE conversation_id = ? AND user_id = ?;
