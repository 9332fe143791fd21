-- All entries of one request, in the order they were written. '/' follows '.' in ASCII: the range holds what begins with
-- the id and a dot.
SELECT * FROM entry WHERE event_id >= :request_id || '.' AND event_id < :request_id || '/' ORDER BY seq
