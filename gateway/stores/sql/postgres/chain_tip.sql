-- Where a writer's chain ends, and what its latest root covers; nothing where it wrote nothing.
SELECT
    entry.seq, entry.chain, entry.recorded_at, coalesce(root.rows, 0) AS rooted,
    (SELECT count(*) FROM entry AS since WHERE since.writer = :writer AND since.seq > coalesce(root.seq, 0)) AS since
FROM entry
LEFT JOIN root ON root.writer = :writer AND root.rows = (SELECT max(rows) FROM root WHERE writer = :writer)
WHERE entry.writer = :writer
ORDER BY entry.seq DESC
LIMIT 1
