-- What one request saved.
SELECT * FROM saving WHERE request_id = :request_id
