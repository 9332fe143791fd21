-- The latest entry of each of the latest :limit attempts, the latest begun first: of those begun in [:since, :until) whose
-- reserve and whose latest entry meet the conditions that are put in.
SELECT latest.*
FROM (
    SELECT seq AS reserved, request_id AS id, attempt AS number, begun_at AS since
    FROM entry
    WHERE kind = 'reserve' AND begun_at >= :since AND begun_at < :until {reserved}
) AS found
CROSS JOIN LATERAL (
    SELECT entry.*
    FROM entry
    WHERE entry.begun_at = found.since AND entry.request_id = found.id AND entry.attempt = found.number
        AND entry.kind <> 'adjust'
    ORDER BY (entry.kind = 'reserve')
    LIMIT 1
) AS latest
WHERE TRUE {closed}
ORDER BY found.since DESC, found.reserved DESC
LIMIT :limit
