-- All entries of the attempts begun in [:since, :until), those of an attempt together, attempts in the order they began. '/'
-- follows '.' in ASCII: the range holds what begins with the attempt and a dot. Nothing is sorted, however many there are.
SELECT part.*
FROM entry AS reserve INDEXED BY entry_reserved_at
CROSS JOIN entry AS part
    ON part.event_id >= reserve.request_id || '.' || reserve.attempt || '.'
    AND part.event_id < reserve.request_id || '.' || reserve.attempt || '/'
WHERE reserve.kind = 'reserve' AND reserve.begun_at >= :since AND reserve.begun_at < :until
ORDER BY reserve.begun_at, reserve.seq
