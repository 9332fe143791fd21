-- The latest entry of each of the latest :limit attempts, the latest begun first.
WITH latest AS (
    SELECT seq, request_id, attempt FROM entry WHERE kind = 'reserve' ORDER BY seq DESC LIMIT :limit
)
SELECT entry.*
FROM latest
JOIN entry ON entry.seq = coalesce(
    (
        SELECT closing.seq
        FROM entry AS closing
        WHERE closing.request_id = latest.request_id AND closing.attempt = latest.attempt AND closing.kind NOT IN ('reserve', 'adjust')
    ),
    latest.seq
)
ORDER BY latest.seq DESC
