ALTER TABLE entry ADD COLUMN discrepancies TEXT NOT NULL DEFAULT '[]';
-- The index of event_id finds a request's entries as well.
DROP INDEX entry_request
