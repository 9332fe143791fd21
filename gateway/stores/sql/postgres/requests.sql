-- The latest entry of each of the latest :limit attempts, the latest begun first.
WITH latest AS (
    SELECT * FROM entry WHERE kind = 'reserve' ORDER BY begun_at DESC, seq DESC LIMIT :limit
)
SELECT coalesced.*
FROM latest
CROSS JOIN LATERAL (
    SELECT entry.*
    FROM entry
    WHERE entry.begun_at = latest.begun_at AND entry.request_id = latest.request_id AND entry.attempt = latest.attempt
        AND entry.kind <> 'adjust'
    ORDER BY (entry.kind = 'reserve')
    LIMIT 1
) AS coalesced
ORDER BY latest.begun_at DESC, latest.seq DESC
