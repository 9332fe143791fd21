-- Reserves whose attempt was never closed.
SELECT reserve.*
FROM open_attempt
JOIN entry AS reserve ON reserve.event_id = open_attempt.request_id || '.' || open_attempt.attempt || '.reserve'
ORDER BY reserve.seq
