-- All entries of the attempts begun in [:since, :until), those of an attempt together, attempts in the order they began: all
-- entries of an attempt bear the time at which it began. An index has this order: nothing is sorted, however many there are.
SELECT *
FROM entry
WHERE begun_at >= :since AND begun_at < :until
ORDER BY begun_at, request_id, attempt
