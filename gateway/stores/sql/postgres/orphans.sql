-- Reserves whose attempt was never closed, and whose writer lives no more.
SELECT reserve.*
FROM open_attempt
JOIN entry AS reserve
    ON reserve.event_id = open_attempt.request_id || '.' || open_attempt.attempt || '.reserve'
    AND reserve.begun_at = open_attempt.begun_at
WHERE open_attempt.writer NOT IN (SELECT writer FROM living_writer)
ORDER BY reserve.seq
