-- The first :limit requests that got the result of :original_id, in the order of time from :since on.
SELECT * FROM saving
WHERE original_id = :original_id AND occurred_at >= :since AND occurred_at < :until
ORDER BY occurred_at
LIMIT :limit
