-- What was delivered in [:since, :until) in the place of a route that was held, so that nothing was tried there; by time.
SELECT *
FROM entry INDEXED BY entry_held
WHERE kind = 'settle' AND reason <> '' AND occurred_at >= :since AND occurred_at < :until
ORDER BY occurred_at, request_id, attempt
