-- All entries of one request, in the order they were written.
SELECT * FROM entry WHERE request_id = :request_id ORDER BY seq
