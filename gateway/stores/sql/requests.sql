-- The latest entry of each of the latest :limit attempts, the latest begun first: of those begun in [:since, :until) whose
-- reserve and whose latest entry meet the conditions that are put in. The index has them in their order: nothing is sorted.
SELECT latest.*
FROM (
    SELECT seq AS reserved, request_id AS id, attempt AS number, begun_at AS since
    FROM entry INDEXED BY entry_reserved_at
    WHERE kind = 'reserve' AND begun_at >= :since AND begun_at < :until {reserved}
) AS found
CROSS JOIN entry AS latest ON latest.seq = coalesce(
    (
        SELECT closing.seq
        FROM entry AS closing
        WHERE closing.request_id = found.id AND closing.attempt = found.number AND closing.kind NOT IN ('reserve', 'adjust')
    ),
    found.reserved
)
WHERE TRUE {closed}
ORDER BY found.since DESC, found.reserved DESC
LIMIT :limit
