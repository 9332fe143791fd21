-- Version 2 of the ledger. One row an entry, written once: rows are never changed and never removed.

-- Times are microseconds since 1970-01-01 UTC; amounts are nano-units (1e-9) of the currency, NULL where nobody knows them.
-- occurred_at is when the gateway came to know, recorded_at when the row was written.
CREATE TABLE entry (
    seq                 INTEGER PRIMARY KEY,
    event_id            TEXT    NOT NULL UNIQUE,
    kind                TEXT    NOT NULL,
    request_id          TEXT    NOT NULL,
    attempt             INTEGER NOT NULL CHECK (attempt >= 1),
    occurred_at         INTEGER NOT NULL,
    app                 TEXT    NOT NULL,
    team                TEXT    NOT NULL,
    cost_centre         TEXT    NOT NULL,
    model               TEXT    NOT NULL,
    route               TEXT    NOT NULL,
    provider            TEXT    NOT NULL,
    upstream_model      TEXT    NOT NULL,
    contract            TEXT    NOT NULL,
    contract_revision   TEXT    NOT NULL,
    billing_owner       TEXT    NOT NULL,
    price_list          TEXT    NOT NULL,
    config_revision     TEXT    NOT NULL,
    operation           TEXT    NOT NULL,
    tags                TEXT    NOT NULL,  -- a JSON object
    amount_nanos        INTEGER CHECK (amount_nanos >= 0),
    currency            TEXT    NOT NULL,
    basis               TEXT    NOT NULL CHECK (basis IN ('reported', 'computed', 'estimated', 'unknown')),
    images              INTEGER NOT NULL CHECK (images >= 0),
    size                TEXT    NOT NULL,
    quality             TEXT    NOT NULL,
    text_in             INTEGER CHECK (text_in >= 0),
    image_in            INTEGER CHECK (image_in >= 0),
    cached_text_in      INTEGER CHECK (cached_text_in >= 0),
    cached_image_in     INTEGER CHECK (cached_image_in >= 0),
    image_out           INTEGER CHECK (image_out >= 0),
    text_out            INTEGER CHECK (text_out >= 0),
    outcome             TEXT,
    owner               TEXT    NOT NULL,
    upstream_request_id TEXT    NOT NULL,
    recorded_at         INTEGER NOT NULL,
    discrepancies       TEXT    NOT NULL DEFAULT '[]',  -- a JSON array: where the delivery differs from the request

    CHECK (event_id = request_id || '.' || attempt || '.' || kind),
    CHECK ((amount_nanos IS NULL) = (basis = 'unknown')),
    CHECK (
        CASE kind
            WHEN 'reserve' THEN outcome IS NULL
            WHEN 'settle' THEN outcome IS 'completed'
            WHEN 'void' THEN outcome IS 'not_sent' OR outcome IS 'rejected'
            WHEN 'expire' THEN outcome IS 'ambiguous'
            ELSE FALSE
        END
    )
) STRICT;

-- At most one closing entry an attempt.
CREATE UNIQUE INDEX entry_closing ON entry (request_id, attempt) WHERE kind <> 'reserve';
-- Attempts of a period. Those of a request are found by event_id, which begins with its id.
CREATE INDEX entry_reserved_at ON entry (occurred_at) WHERE kind = 'reserve';

CREATE TRIGGER entry_needs_its_reserve BEFORE INSERT ON entry
WHEN NEW.kind <> 'reserve' AND NOT EXISTS (
    SELECT 1 FROM entry WHERE event_id = NEW.request_id || '.' || NEW.attempt || '.reserve'
)
BEGIN
    SELECT RAISE(ABORT, 'a closing entry needs the reserve of its attempt');
END;

-- The attempts without a closing entry, kept by the triggers below: a start must find what a dead process left open
-- without reading the whole ledger.
CREATE TABLE open_attempt (
    request_id TEXT    NOT NULL,
    attempt    INTEGER NOT NULL,
    PRIMARY KEY (request_id, attempt)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER entry_opens_an_attempt AFTER INSERT ON entry WHEN NEW.kind = 'reserve'
BEGIN
    INSERT INTO open_attempt (request_id, attempt) VALUES (NEW.request_id, NEW.attempt);
END;

CREATE TRIGGER entry_closes_an_attempt AFTER INSERT ON entry WHEN NEW.kind <> 'reserve'
BEGIN
    DELETE FROM open_attempt WHERE request_id = NEW.request_id AND attempt = NEW.attempt;
END;

CREATE TRIGGER entry_is_never_changed BEFORE UPDATE ON entry
BEGIN
    SELECT RAISE(ABORT, 'a ledger entry is never changed');
END;

CREATE TRIGGER entry_is_never_removed BEFORE DELETE ON entry
BEGIN
    SELECT RAISE(ABORT, 'a ledger entry is never removed');
END;
