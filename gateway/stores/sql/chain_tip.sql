-- Where the chain of the only writer ends, and what its latest root covers; nothing where there is none.
SELECT
    entry.seq, entry.chain, entry.recorded_at,
    root.rows AS rooted, root.day, root.seq AS root_seq, root.chain AS root_chain, root.before
FROM entry
LEFT JOIN root ON root.writer = :writer AND root.rows = (SELECT max(rows) FROM root WHERE writer = :writer)
WHERE entry.seq = (SELECT max(seq) FROM entry) AND entry.writer = :writer
