-- Sums of whole days, made of the entries and only a way to read them faster: they may be removed at any time.

-- A day is watched first and summed then. An entry that is written meanwhile or later makes it stale in the same transaction, so
-- that kept sums of a day that is not stale are always those of its entries. `day` counts from 1970, in UTC.
CREATE TABLE rolled_day (
    day   INTEGER PRIMARY KEY,
    watch INTEGER NOT NULL UNIQUE,
    kept  INTEGER NOT NULL DEFAULT 0,
    stale INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE rollup (
    watch             INTEGER NOT NULL,
    contract          TEXT    NOT NULL,
    team              TEXT    NOT NULL,
    app               TEXT    NOT NULL,
    cost_centre       TEXT    NOT NULL,
    provider          TEXT    NOT NULL,
    billing_owner     TEXT    NOT NULL,
    invoice_issuer    TEXT    NOT NULL,
    model             TEXT    NOT NULL,
    size              TEXT    NOT NULL,
    quality           TEXT    NOT NULL,
    outcome           TEXT    NOT NULL,
    currency          TEXT    NOT NULL,
    attempts          INTEGER NOT NULL,
    requests          INTEGER NOT NULL,
    images            INTEGER NOT NULL,
    priced_images     INTEGER NOT NULL,
    cost              INTEGER NOT NULL,
    exposure          INTEGER NOT NULL,
    unknown_costs     INTEGER NOT NULL,
    unknown_exposures INTEGER NOT NULL,
    undelivered       INTEGER NOT NULL,
    fallbacks         INTEGER NOT NULL,
    discrepant        INTEGER NOT NULL,
    metered           INTEGER NOT NULL,
    text_in           INTEGER NOT NULL,
    image_in          INTEGER NOT NULL,
    cached_text_in    INTEGER NOT NULL,
    cached_image_in   INTEGER NOT NULL,
    image_out         INTEGER NOT NULL,
    text_out          INTEGER NOT NULL
) STRICT;
CREATE INDEX rollup_watch ON rollup (watch);

CREATE TRIGGER entry_makes_its_day_stale AFTER INSERT ON entry
BEGIN
    UPDATE rolled_day SET stale = 1 WHERE day = NEW.begun_at / 86400000000 AND NOT stale;
END;
