-- The function that moves read marks on PostgreSQL, as in postgres_functions.sql; since its plans hold while the tables grow, for
-- which postgres_append_sends.sql has the reasons.

-- name: move_marks
-- Read marks: an array per field, in order; a seq of null is the head.
CREATE OR REPLACE FUNCTION madang_move_marks(p_conversation uuid[], p_user uuid[], p_seq bigint[], p_now bigint)
RETURNS TABLE (
    member boolean, valid boolean, changed boolean, last_read_seq bigint, last_read_at bigint, ordinal bigint, own bigint,
    message_count bigint, member_count bigint
) LANGUAGE plpgsql VOLATILE SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
    PERFORM set_config('plan_cache_mode', 'force_custom_plan', true)
    FROM pg_class WHERE oid = 'messages'::regclass AND reltuples < 1000;
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
        LEFT JOIN LATERAL (
            SELECT * FROM members
            WHERE members.conversation_id = given.conversation_id AND members.user_id = given.user_id LIMIT 1
        ) AS members ON members.left_at IS NULL
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
