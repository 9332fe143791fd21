-- What is kept of requests for tickets, newest last; a row is never changed. It may be deleted as a whole at any time.
CREATE TABLE evidence (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    request_id TEXT    NOT NULL UNIQUE,
    at         INTEGER NOT NULL, -- microseconds since 1970, UTC
    app        TEXT    NOT NULL,
    status     INTEGER NOT NULL, -- what the app was told; 0: nothing
    document   BLOB    NOT NULL  -- JSON: gateway.core.evidence.Evidence
) STRICT;
CREATE INDEX evidence_by_time ON evidence (at);
