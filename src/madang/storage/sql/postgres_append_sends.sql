-- The function that appends plain sends on PostgreSQL, as in postgres_functions.sql, which says why it is one; since messages say
-- that they left their sender's mark where it was.
--
-- A session plans its statements once, maybe while the tables are small, and keeps the plans while they grow. So walking is off,
-- and what is looked up for each entry is a LATERAL of one row, which cannot be planned as a walk over everybody's. As long as
-- there are too few messages for statistics to tell one index from another, each call is planned by itself.

-- name: append_sends
-- Plain sends: an array per field, in order; ids of one call are either equal or unrelated, see postgres_sends.py.
CREATE OR REPLACE FUNCTION madang_append_sends(
    p_conversation uuid[], p_id uuid[], p_sender uuid[], p_type text[], p_content text[], p_hash bytea[], p_mentions text[],
    p_reply uuid[], p_attachments text[], p_silent boolean[], p_keep boolean[], p_now bigint, p_wait boolean
) RETURNS TABLE (
    outcome text, first_place bigint, seq bigint, version bigint, created_at bigint, sender_name text, sender_avatar text,
    quoted_seq bigint, quoted_sender uuid, quoted_content text, quoted_type text, quoted_deleted_at bigint
) LANGUAGE plpgsql VOLATILE SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    held uuid[];
BEGIN
    PERFORM set_config('plan_cache_mode', 'force_custom_plan', true)
    FROM pg_class WHERE oid = 'messages'::regclass AND reltuples < 1000;
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
                              reply_to_id, attachments, silent, keep_unread, created_at)
        SELECT conversation_id, id, seq, version, ordinal, sender_id, p_type[place], p_content[place], body_hash,
               p_mentions[place]::jsonb, reply_to_id, p_attachments[place]::jsonb, silent, keep_unread, created_at
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
