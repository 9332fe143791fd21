-- Writers that live no more, and whose last rows are under no root.
SELECT writer
FROM writer
WHERE writer NOT IN (SELECT writer FROM living_writer)
    AND EXISTS (
        SELECT FROM entry
        WHERE entry.writer = writer.writer
            AND entry.seq > coalesce((SELECT max(root.seq) FROM root WHERE root.writer = writer.writer), 0)
    )
ORDER BY started_at
