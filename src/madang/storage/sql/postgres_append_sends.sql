-- The function that appends plain sends on PostgreSQL; postgres_functions.sql says why it is one, and has its first form.
--
-- A session plans its statements once, maybe while the tables are small, and keeps the plans while they grow. So walking is off,
-- and what is looked up for each entry is a LATERAL of one row, which cannot be planned as a walk over everybody's. As long as
-- there are too few messages for statistics to tell one index from another, each call is planned by itself.
--
-- Most of the cost of a message is carrying its columns from step to step, so steps hand on as few as they can: what nearly no
-- message has comes in one object, and what is only written is looked up by place when it is written.

-- name: append_sends
-- Plain sends: an array per field, in order. Ids of one call are unrelated, see postgres_log.py.
CREATE OR REPLACE FUNCTION madang_append_sends(
    p_conversation uuid[], p_id uuid[], p_sender uuid[], p_content text[], p_hash bytea[], p_rest text[], p_now bigint, p_wait boolean
) RETURNS TABLE (
    outcome text, seq bigint, version bigint, created_at bigint, sender_name text, sender_avatar text, quoted text
) LANGUAGE plpgsql VOLATILE SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    held uuid[];
    seqs bigint[];
    versions bigint[];
    counts bigint[];
    times bigint[];
BEGIN
    PERFORM set_config('plan_cache_mode', 'force_custom_plan', true)
    FROM pg_class WHERE oid = 'messages'::regclass AND reltuples < 1000;
    IF p_wait THEN
        SELECT array_agg(id), array_agg(last_seq), array_agg(version), array_agg(message_count), array_agg(last_message_at)
        INTO held, seqs, versions, counts, times
        FROM (SELECT * FROM conversations WHERE id = ANY (p_conversation) ORDER BY id FOR NO KEY UPDATE) AS locked;
    ELSE
        SELECT array_agg(id), array_agg(last_seq), array_agg(version), array_agg(message_count), array_agg(last_message_at)
        INTO held, seqs, versions, counts, times
        FROM (SELECT * FROM conversations WHERE id = ANY (p_conversation) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED) AS locked;
    END IF;

    RETURN QUERY
    WITH judged AS MATERIALIZED (
        SELECT given.*, users.name, users.avatar_url,
               head.last_seq, head.version, head.message_count, head.last_message_at,
               CASE
                   WHEN head.id IS NULL AND EXISTS (SELECT 1 FROM conversations WHERE conversations.id = given.conversation_id)
                       THEN 'busy'
                   WHEN known.seq IS NOT NULL THEN
                       CASE WHEN known.sender_id = given.sender_id AND known.body_hash = p_hash[given.place] THEN 'duplicate'
                            ELSE 'conflict' END
                   WHEN members.user_id IS NULL THEN 'not_a_member'
                   WHEN given.reply_to_id IS NULL OR quoted.seq >= members.visible_from_seq THEN 'stored'
                   ELSE 'invalid'
               END AS outcome,
               CASE WHEN quoted.seq IS NOT NULL THEN json_build_array(
                   quoted.seq, quoted.sender_id, left(quoted.content, 1000), quoted.type, quoted.deleted_at IS NULL
               )::text END AS quoted
        FROM (
            SELECT place, conversation_id, id, sender_id, rest, (rest ->> 'replyToId')::uuid AS reply_to_id,
                   coalesce(rest ? 'silent', false) AS silent, coalesce(rest ? 'keepUnread', false) AS keep_unread
            FROM (
                SELECT conversation_id, id, sender_id, rest::jsonb AS rest, place
                FROM unnest(p_conversation, p_id, p_sender, p_rest) WITH ORDINALITY
                     AS arrays (conversation_id, id, sender_id, rest, place)
            ) AS entry
        ) AS given
        LEFT JOIN unnest(held, seqs, versions, counts, times) AS head (id, last_seq, version, message_count, last_message_at)
               ON head.id = given.conversation_id
        LEFT JOIN LATERAL (
            SELECT * FROM members
            WHERE members.conversation_id = given.conversation_id AND members.user_id = given.sender_id LIMIT 1
        ) AS members ON members.left_at IS NULL
        LEFT JOIN users ON users.id = members.user_id
        LEFT JOIN LATERAL (
            SELECT * FROM messages
            WHERE messages.conversation_id = given.conversation_id AND messages.id = given.id LIMIT 1
        ) AS known ON true
        LEFT JOIN LATERAL (
            SELECT * FROM messages
            WHERE messages.conversation_id = given.conversation_id AND messages.id = given.reply_to_id LIMIT 1
        ) AS quoted ON true
    ), numbered AS MATERIALIZED (
        SELECT place, conversation_id, id, sender_id, rest, reply_to_id, silent, keep_unread,
               last_seq + row_number() OVER log AS seq,
               version + row_number() OVER log AS version,
               message_count + count(*) FILTER (WHERE NOT silent) OVER log AS ordinal,
               greatest(p_now, last_message_at) AS created_at
        FROM judged
        WHERE outcome = 'stored'
        WINDOW log AS (PARTITION BY conversation_id ORDER BY place)
    ), written AS (
        INSERT INTO messages (conversation_id, id, seq, version, ordinal, sender_id, type, content, body_hash, mentions,
                              reply_to_id, attachments, silent, keep_unread, created_at)
        SELECT conversation_id, id, seq, version, ordinal, sender_id, coalesce(rest ->> 'type', 'text'), p_content[place],
               p_hash[place], rest -> 'mentions', reply_to_id, rest -> 'attachments', silent, keep_unread, created_at
        FROM numbered
    ), raised AS (
        UPDATE conversations
        SET last_seq = head.seq, version = head.version, message_count = head.ordinal, last_message_at = head.created_at
        FROM (
            SELECT conversation_id, max(seq) AS seq, max(version) AS version, max(ordinal) AS ordinal,
                   max(created_at) AS created_at
            FROM numbered GROUP BY conversation_id
        ) AS head
        WHERE conversations.id = head.conversation_id
    ), moved AS (  -- in the order of their keys, so that whoever moves marks beside this waits instead of locking up with it
        UPDATE members
        SET last_read_seq = coalesce(mark.seq, last_read_seq),
            last_read_ordinal = coalesce(mark.ordinal, last_read_ordinal),
            last_read_at = CASE WHEN mark.seq IS NULL THEN last_read_at ELSE mark.created_at END,
            own_since_read = CASE WHEN mark.seq IS NULL THEN own_since_read ELSE 0 END + CASE WHEN mark.kept THEN (
                SELECT count(*) FROM numbered
                WHERE numbered.conversation_id = mark.conversation_id AND numbered.sender_id = mark.sender_id
                  AND keep_unread AND NOT silent AND numbered.seq > coalesce(mark.seq, 0)
            ) ELSE 0 END,
            marked_unread = marked_unread AND mark.seq IS NULL
        FROM (
            SELECT conversation_id, sender_id, max(seq) FILTER (WHERE NOT keep_unread) AS seq,
                   max(ordinal) FILTER (WHERE NOT keep_unread) AS ordinal, max(created_at) AS created_at,
                   bool_or(keep_unread AND NOT silent) AS kept
            FROM numbered GROUP BY conversation_id, sender_id ORDER BY conversation_id, sender_id
        ) AS mark
        WHERE members.conversation_id = mark.conversation_id AND members.user_id = mark.sender_id
          AND (mark.seq IS NOT NULL OR mark.kept)
    )
    SELECT judged.outcome, numbered.seq, numbered.version, numbered.created_at, judged.name, judged.avatar_url, judged.quoted
    FROM judged LEFT JOIN numbered ON numbered.place = judged.place
    ORDER BY judged.place;
END
$$;
