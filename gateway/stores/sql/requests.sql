-- The latest entry of each of the latest :limit attempts, the latest begun first.
WITH latest AS (
    SELECT seq, request_id, attempt FROM entry WHERE kind = 'reserve' ORDER BY seq DESC LIMIT :limit
)
SELECT entry.*
FROM latest
JOIN entry ON entry.seq = (
    SELECT max(written.seq)
    FROM entry AS written
    WHERE written.request_id = latest.request_id AND written.attempt = latest.attempt
)
ORDER BY latest.seq DESC
