-- The statements of a batch of read marks on SQLite. Keys arrive as in sqlite_sends.sql.

-- name: positions
-- Where the marks of these members stand, and how far their conversations are.
SELECT pair.value, members.last_read_seq, members.last_read_ordinal, members.last_read_at, members.own_since_read,
       members.marked_unread, conversations.last_seq, conversations.message_count, conversations.member_count
FROM json_each(?1) AS pair
CROSS JOIN members ON members.conversation_id = substr(pair.value, 1, 36) AND members.user_id = substr(pair.value, 37)
CROSS JOIN conversations ON conversations.id = members.conversation_id
WHERE members.left_at IS NULL;

-- name: ordinal_at
-- What a message below the head is in the count; runs once per mark that does not go to the head.
SELECT ordinal FROM messages WHERE conversation_id = ? AND seq = ?;

-- name: own_between
-- Messages of one sender that count as unread, above one seq and up to another; walks that part of the log.
SELECT count(*) FROM messages
WHERE conversation_id = ? AND seq > ? AND seq <= ? AND sender_id = ? AND NOT silent;

-- name: raise_inbox_version
-- One more change in somebody's list; runs once per changed row.
UPDATE users SET inbox_version = inbox_version + 1 WHERE id = ?;

-- name: move_mark
-- The mark where it stands now, stamped with the number of the list's change; runs once per changed row.
UPDATE members
SET last_read_seq = ?1, last_read_ordinal = ?2, last_read_at = ?3, own_since_read = ?4, marked_unread = 0,
    inbox_version = (SELECT inbox_version FROM users WHERE id = ?6)
WHERE conversation_id = ?5 AND user_id = ?6;
