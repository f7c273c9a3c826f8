-- The functions that the hot paths call on PostgreSQL, each one call in a transaction of its own. PL/pgSQL, because a single
-- statement works on a snapshot older than the locks it waits for: here each statement of a function takes a fresh one.
-- Locks are taken in the order conversations, members, users, each by key.

-- name: append_sends
-- Plain sends: an array per field, in order; ids of one call are either equal or unrelated, see postgres_sends.py.
CREATE OR REPLACE FUNCTION madang_append_sends(
    p_conversation uuid[], p_id uuid[], p_sender uuid[], p_type text[], p_content text[], p_hash bytea[], p_mentions text[],
    p_reply uuid[], p_attachments text[], p_silent boolean[], p_keep boolean[], p_now bigint, p_wait boolean
) RETURNS TABLE (
    outcome text, first_place bigint, seq bigint, version bigint, created_at bigint, sender_name text, sender_avatar text,
    quoted_seq bigint, quoted_sender uuid, quoted_content text, quoted_type text, quoted_deleted_at bigint
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    held uuid[];
BEGIN
    IF p_wait THEN
        SELECT array_agg(locked.id) INTO held FROM (
            SELECT id FROM conversations WHERE id = ANY (p_conversation) ORDER BY id FOR NO KEY UPDATE
        ) AS locked;
    ELSE
        SELECT array_agg(locked.id) INTO held FROM (
            SELECT id FROM conversations WHERE id = ANY (p_conversation) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
        ) AS locked;
    END IF;
    PERFORM 1
    FROM (SELECT DISTINCT pair.conversation_id, pair.user_id FROM unnest(p_conversation, p_sender) AS pair (conversation_id, user_id))
         AS sender
    JOIN unnest(held) AS locked (id) ON locked.id = sender.conversation_id
    JOIN members ON members.conversation_id = sender.conversation_id AND members.user_id = sender.user_id
    ORDER BY members.conversation_id, members.user_id
    FOR NO KEY UPDATE OF members;

    RETURN QUERY
    WITH entry AS MATERIALIZED (
        SELECT given.*, conversations.last_seq, conversations.version, conversations.message_count,
               conversations.last_message_at, users.name, users.avatar_url,
               conversations.id IS NOT NULL AND locked.id IS NULL AS busy,
               known.seq IS NOT NULL AS present,
               known.sender_id IS NOT DISTINCT FROM given.sender_id AND known.body_hash = given.body_hash AS same,
               members.user_id IS NOT NULL AS member,
               given.reply_to_id IS NULL OR quoted.seq >= members.visible_from_seq AS reply_seen,
               quoted.seq AS quoted_seq, quoted.sender_id AS quoted_sender, left(quoted.content, 1000) AS quoted_content,
               quoted.type AS quoted_type, quoted.deleted_at AS quoted_deleted_at
        FROM unnest(p_conversation, p_id, p_sender, p_reply, p_hash, p_silent, p_keep) WITH ORDINALITY
             AS given (conversation_id, id, sender_id, reply_to_id, body_hash, silent, keep_unread, place)
        LEFT JOIN conversations ON conversations.id = given.conversation_id
        LEFT JOIN unnest(held) AS locked (id) ON locked.id = given.conversation_id
        LEFT JOIN members ON members.conversation_id = given.conversation_id AND members.user_id = given.sender_id
                         AND members.left_at IS NULL
        LEFT JOIN users ON users.id = members.user_id
        LEFT JOIN messages AS known ON known.conversation_id = given.conversation_id AND known.id = given.id
        LEFT JOIN messages AS quoted ON quoted.conversation_id = given.conversation_id AND quoted.id = given.reply_to_id
    ), judged AS MATERIALIZED (
        SELECT entry.*,
               min(place) FILTER (WHERE NOT busy AND NOT present AND member AND reply_seen)
                   OVER (PARTITION BY conversation_id, id) AS first_place
        FROM entry
    ), numbered AS MATERIALIZED (
        SELECT judged.place, conversation_id, id, sender_id, reply_to_id, body_hash, silent, keep_unread,
               last_seq + row_number() OVER log AS seq,
               version + row_number() OVER log AS version,
               message_count + count(*) FILTER (WHERE NOT silent) OVER log AS ordinal,
               greatest(p_now, last_message_at) AS created_at
        FROM judged
        WHERE place = first_place
        WINDOW log AS (PARTITION BY conversation_id ORDER BY place)
    ), written AS (
        INSERT INTO messages (conversation_id, id, seq, version, ordinal, sender_id, type, content, body_hash, mentions,
                              reply_to_id, attachments, silent, created_at)
        SELECT conversation_id, id, seq, version, ordinal, sender_id, p_type[place], p_content[place], body_hash,
               p_mentions[place]::jsonb, reply_to_id, p_attachments[place]::jsonb, silent, created_at
        FROM numbered
        ORDER BY place
    ), raised AS (
        UPDATE conversations
        SET last_seq = head.seq, version = head.version, message_count = head.ordinal, last_message_at = head.created_at
        FROM (
            SELECT conversation_id, max(seq) AS seq, max(version) AS version, max(ordinal) AS ordinal,
                   max(created_at) AS created_at
            FROM numbered GROUP BY conversation_id
        ) AS head
        WHERE conversations.id = head.conversation_id
    ), moved AS (
        UPDATE members
        SET last_read_seq = coalesce(mark.seq, last_read_seq),
            last_read_ordinal = coalesce(mark.ordinal, last_read_ordinal),
            last_read_at = CASE WHEN mark.seq IS NULL THEN last_read_at ELSE mark.created_at END,
            own_since_read = CASE WHEN mark.seq IS NULL THEN own_since_read ELSE 0 END + mark.own,
            marked_unread = marked_unread AND mark.seq IS NULL
        FROM (
            SELECT conversation_id, sender_id, read_seq AS seq, max(ordinal) FILTER (WHERE seq = read_seq) AS ordinal,
                   max(created_at) AS created_at,
                   count(*) FILTER (WHERE keep_unread AND NOT silent AND seq > coalesce(read_seq, 0)) AS own
            FROM (
                SELECT numbered.*,
                       max(seq) FILTER (WHERE NOT keep_unread) OVER (PARTITION BY conversation_id, sender_id) AS read_seq
                FROM numbered
            ) AS send
            GROUP BY conversation_id, sender_id, read_seq
        ) AS mark
        WHERE members.conversation_id = mark.conversation_id AND members.user_id = mark.sender_id
          AND (mark.seq IS NOT NULL OR mark.own > 0)
    )
    SELECT CASE
               WHEN judged.busy THEN 'busy'
               WHEN judged.present THEN CASE WHEN judged.same THEN 'duplicate' ELSE 'conflict' END
               WHEN judged.first_place < judged.place THEN 'repeated'
               WHEN NOT judged.member THEN 'not_a_member'
               WHEN judged.reply_seen THEN 'stored'
               ELSE 'invalid'
           END,
           judged.first_place, numbered.seq, numbered.version, numbered.created_at,
           CASE WHEN numbered.place IS NOT NULL THEN judged.name END,
           CASE WHEN numbered.place IS NOT NULL THEN judged.avatar_url END,
           judged.quoted_seq, judged.quoted_sender, judged.quoted_content, judged.quoted_type::text, judged.quoted_deleted_at
    FROM judged LEFT JOIN numbered ON numbered.place = judged.place
    ORDER BY judged.place;
END
$$;

-- name: move_marks
-- Read marks: an array per field, in order; a seq of null is the head.
CREATE OR REPLACE FUNCTION madang_move_marks(p_conversation uuid[], p_user uuid[], p_seq bigint[], p_now bigint)
RETURNS TABLE (
    member boolean, valid boolean, changed boolean, last_read_seq bigint, last_read_at bigint, ordinal bigint, own bigint,
    message_count bigint, member_count bigint
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
BEGIN
    PERFORM 1
    FROM (SELECT DISTINCT pair.conversation_id, pair.user_id FROM unnest(p_conversation, p_user) AS pair (conversation_id, user_id))
         AS reader
    JOIN members ON members.conversation_id = reader.conversation_id AND members.user_id = reader.user_id
    ORDER BY members.conversation_id, members.user_id
    FOR NO KEY UPDATE OF members;
    PERFORM 1 FROM users WHERE id = ANY (p_user) ORDER BY id FOR NO KEY UPDATE;

    RETURN QUERY
    WITH standing AS MATERIALIZED (
        SELECT given.place, given.conversation_id, given.user_id,
               coalesce(given.seq, conversations.last_seq) AS wanted,
               members.user_id IS NOT NULL AS member,
               coalesce(given.seq <= conversations.last_seq, members.user_id IS NOT NULL) AS valid,
               members.last_read_seq AS old_seq, members.last_read_ordinal AS old_ordinal, members.last_read_at AS old_at,
               members.own_since_read AS old_own, members.marked_unread,
               conversations.last_seq, conversations.message_count, conversations.member_count
        FROM unnest(p_conversation, p_user, p_seq) WITH ORDINALITY AS given (conversation_id, user_id, seq, place)
        LEFT JOIN members ON members.conversation_id = given.conversation_id AND members.user_id = given.user_id
                         AND members.left_at IS NULL
        LEFT JOIN conversations ON conversations.id = members.conversation_id
    ), running AS MATERIALIZED (
        SELECT standing.*,
               greatest(old_seq, max(wanted) FILTER (WHERE valid) OVER (earlier ROWS UNBOUNDED PRECEDING)) AS here,
               greatest(old_seq, max(wanted) FILTER (WHERE valid)
                                     OVER (earlier ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS before,
               marked_unread AND count(*) FILTER (WHERE valid)
                                     OVER (earlier ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) = 0 AS unmarks
        FROM standing
        WINDOW earlier AS (PARTITION BY conversation_id, user_id ORDER BY place)
    ), told AS MATERIALIZED (
        SELECT running.*,
               valid AND (here > before OR unmarks) AS changed,
               CASE WHEN here > old_seq THEN p_now ELSE old_at END AS at,
               CASE
                   WHEN here = old_seq THEN old_ordinal
                   WHEN here = last_seq THEN message_count
                   ELSE (
                       SELECT messages.ordinal FROM messages
                       WHERE messages.conversation_id = running.conversation_id AND messages.seq = running.here
                   )
               END AS ordinal,
               CASE
                   WHEN here = old_seq THEN old_own
                   WHEN old_own = 0 OR here = last_seq THEN 0
                   -- Counts the shorter side; over a reader's life each message is counted once.
                   WHEN here - old_seq <= last_seq - here THEN old_own - (
                       SELECT count(*) FROM messages
                       WHERE messages.conversation_id = running.conversation_id AND messages.seq > running.old_seq
                         AND messages.seq <= running.here AND messages.sender_id = running.user_id AND NOT messages.silent
                   )
                   ELSE (
                       SELECT count(*) FROM messages
                       WHERE messages.conversation_id = running.conversation_id AND messages.seq > running.here
                         AND messages.seq <= running.last_seq AND messages.sender_id = running.user_id
                         AND NOT messages.silent
                   )
               END AS own
        FROM running
    ), raised AS (
        UPDATE users SET inbox_version = inbox_version + change.number
        FROM (SELECT user_id, count(*) AS number FROM told WHERE changed GROUP BY user_id) AS change
        WHERE users.id = change.user_id
        RETURNING users.id, users.inbox_version
    ), written AS (
        UPDATE members
        SET last_read_seq = final.here, last_read_ordinal = final.ordinal, last_read_at = final.at,
            own_since_read = final.own, marked_unread = false, inbox_version = raised.inbox_version
        FROM (
            SELECT DISTINCT ON (conversation_id, user_id) conversation_id, user_id, here, ordinal, at, own
            FROM told WHERE changed ORDER BY conversation_id, user_id, place DESC
        ) AS final
        JOIN raised ON raised.id = final.user_id
        WHERE members.conversation_id = final.conversation_id AND members.user_id = final.user_id
    )
    SELECT told.member, told.valid, told.changed, told.here, told.at, told.ordinal, told.own, told.message_count,
           told.member_count
    FROM told ORDER BY told.place;
END
$$;
