-- Version 3 of the ledger. One row an entry, written once: rows are never changed and never removed.

-- Times are microseconds since 1970-01-01 UTC; amounts are nano-units (1e-9) of the currency, NULL where nobody knows them.
-- occurred_at is when the gateway came to know, recorded_at when the row was written, begun_at when the attempt began: all
-- entries of an attempt belong to the period in which it began. An adjustment's amount is added to the booked cost.
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
    invoice_issuer      TEXT    NOT NULL,
    price_list          TEXT    NOT NULL,
    config_revision     TEXT    NOT NULL,
    operation           TEXT    NOT NULL,
    tags                TEXT    NOT NULL,  -- a JSON object
    begun_at            INTEGER NOT NULL,
    amount_nanos        INTEGER CHECK (amount_nanos >= 0 OR kind = 'adjust'),
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
    images_sha256       TEXT    NOT NULL DEFAULT '[]',  -- a JSON array: of the delivered images, hex
    reference           TEXT    NOT NULL DEFAULT '',    -- what made an adjustment
    reason              TEXT    NOT NULL DEFAULT '',    -- of an adjustment, for people
    writer              TEXT    NOT NULL DEFAULT '',    -- who wrote the row; the rows of a writer and a day are chained
    chain               BLOB,                           -- SHA-256 over the row and the chain before it; NULL in rows of version 2

    CHECK (event_id = request_id || '.' || attempt || '.' || kind || CASE kind WHEN 'adjust' THEN '.' || reference ELSE '' END),
    CHECK ((kind = 'adjust') = (reference <> '')),
    CHECK ((amount_nanos IS NULL) = (basis = 'unknown')),
    CHECK (
        CASE kind
            WHEN 'reserve' THEN outcome IS NULL
            WHEN 'settle' THEN outcome IS 'completed'
            WHEN 'void' THEN outcome IS 'not_sent' OR outcome IS 'rejected'
            WHEN 'expire' THEN outcome IS 'ambiguous'
            WHEN 'adjust' THEN amount_nanos IS NOT NULL
            ELSE FALSE
        END
    )
) STRICT;

-- At most one closing entry an attempt.
CREATE UNIQUE INDEX entry_closing ON entry (request_id, attempt) WHERE kind NOT IN ('reserve', 'adjust');
-- Attempts of a period. Those of a request are found by event_id, which begins with its id.
CREATE INDEX entry_reserved_at ON entry (begun_at) WHERE kind = 'reserve';

CREATE TRIGGER entry_needs_its_reserve BEFORE INSERT ON entry
WHEN NEW.kind <> 'reserve' AND NOT EXISTS (
    SELECT 1 FROM entry WHERE event_id = NEW.request_id || '.' || NEW.attempt || '.reserve'
)
BEGIN
    SELECT RAISE(ABORT, 'a closing entry needs the reserve of its attempt');
END;

-- Adjustments, the rarest of entries, by their attempt.
CREATE INDEX entry_adjustment ON entry (request_id, attempt) WHERE kind = 'adjust';

CREATE TRIGGER entry_adjusts_what_is_closed BEFORE INSERT ON entry
WHEN NEW.kind = 'adjust' AND NOT EXISTS (
    SELECT 1 FROM entry
    WHERE request_id = NEW.request_id AND attempt = NEW.attempt AND kind NOT IN ('reserve', 'adjust')
)
BEGIN
    SELECT RAISE(ABORT, 'an adjustment needs an attempt that is closed');
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

CREATE TRIGGER entry_closes_an_attempt AFTER INSERT ON entry WHEN NEW.kind NOT IN ('reserve', 'adjust')
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

-- What a request did not cost because an earlier one's result was given to it; it has no attempt and no entries of its own.
CREATE TABLE saving (
    seq          INTEGER PRIMARY KEY,
    request_id   TEXT    NOT NULL UNIQUE,
    original_id  TEXT    NOT NULL,  -- the request whose result it was
    how          TEXT    NOT NULL CHECK (how IN ('join', 'replay')),
    occurred_at  INTEGER NOT NULL,
    app          TEXT    NOT NULL,
    team         TEXT    NOT NULL,
    cost_centre  TEXT    NOT NULL,
    model        TEXT    NOT NULL,
    contract     TEXT    NOT NULL,
    tags         TEXT    NOT NULL,
    amount_nanos INTEGER CHECK (amount_nanos >= 0),  -- NULL where nobody knows
    currency     TEXT    NOT NULL
) STRICT;
CREATE INDEX saving_occurred_at ON saving (occurred_at);

CREATE TRIGGER saving_is_never_changed BEFORE UPDATE ON saving
BEGIN
    SELECT RAISE(ABORT, 'a saving is never changed');
END;

CREATE TRIGGER saving_is_never_removed BEFORE DELETE ON saving
BEGIN
    SELECT RAISE(ABORT, 'a saving is never removed');
END;

-- The end of each day of a writer's chain, and of each run of the gateway; signed where a key is configured.
CREATE TABLE root (
    writer     TEXT    NOT NULL,
    day        TEXT    NOT NULL,
    rows       INTEGER NOT NULL CHECK (rows >= 1),
    seq        INTEGER NOT NULL,
    chain      TEXT    NOT NULL,
    before     TEXT    NOT NULL,
    signature  TEXT    NOT NULL,  -- a compact JWS, empty without a key
    written_at INTEGER NOT NULL,
    PRIMARY KEY (writer, rows)
) STRICT;

CREATE TRIGGER root_is_never_changed BEFORE UPDATE ON root
BEGIN
    SELECT RAISE(ABORT, 'a root is never changed');
END;

CREATE TRIGGER root_is_never_removed BEFORE DELETE ON root
BEGIN
    SELECT RAISE(ABORT, 'a root is never removed');
END;
