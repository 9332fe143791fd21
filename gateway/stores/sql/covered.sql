-- What was delivered by a second or later attempt, each behind the attempts of the same request that another contract had
-- failed in [:since, :until); in the order of requests and attempts. Deliveries behind no such attempt are there too.
-- The index of closing entries holds request_id and attempt: only rows of second and later attempts are read. A delivery
-- before :since covers no failure since.
WITH cover AS (
    SELECT seq, request_id, attempt, contract
    FROM entry INDEXED BY entry_closing
    WHERE kind NOT IN ('reserve', 'adjust') AND attempt > 1 AND kind = 'settle' AND occurred_at >= :since
        AND operation <> 'response_text'
)
SELECT part.*
FROM cover
CROSS JOIN entry AS part
    ON part.request_id = cover.request_id AND part.attempt <= cover.attempt AND part.kind NOT IN ('reserve', 'adjust')
    AND part.operation <> 'response_text'
WHERE part.seq = cover.seq
    OR (
        part.kind IN ('void', 'expire') AND part.contract <> cover.contract
        AND part.occurred_at >= :since AND part.occurred_at < :until
    )
ORDER BY cover.request_id, cover.attempt, part.attempt
