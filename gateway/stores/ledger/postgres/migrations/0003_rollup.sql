-- Sums of whole days, made of the entries and only a way to read them faster: they may be removed at any time.

-- A day is watched first and summed then. An entry that is written meanwhile or later makes it stale in the same transaction, so
-- that kept sums of a day that is not stale are always those of its entries. `day` counts from 1970, in UTC.
CREATE SEQUENCE rolled_day_watch;
CREATE TABLE rolled_day (
    day   bigint  PRIMARY KEY,
    watch bigint  NOT NULL UNIQUE,
    kept  boolean NOT NULL DEFAULT false,
    stale boolean NOT NULL DEFAULT false
);

CREATE TABLE rollup (
    watch             bigint NOT NULL,
    contract          text   COLLATE "C" NOT NULL,
    team              text   COLLATE "C" NOT NULL,
    app               text   COLLATE "C" NOT NULL,
    cost_centre       text   COLLATE "C" NOT NULL,
    provider          text   COLLATE "C" NOT NULL,
    billing_owner     text   COLLATE "C" NOT NULL,
    invoice_issuer    text   COLLATE "C" NOT NULL,
    model             text   COLLATE "C" NOT NULL,
    size              text   COLLATE "C" NOT NULL,
    quality           text   COLLATE "C" NOT NULL,
    outcome           text   COLLATE "C" NOT NULL,
    currency          text   COLLATE "C" NOT NULL,
    attempts          bigint NOT NULL,
    requests          bigint NOT NULL,
    images            bigint NOT NULL,
    priced_images     bigint NOT NULL,
    cost              bigint NOT NULL,
    exposure          bigint NOT NULL,
    unknown_costs     bigint NOT NULL,
    unknown_exposures bigint NOT NULL,
    undelivered       bigint NOT NULL,
    fallbacks         bigint NOT NULL,
    discrepant        bigint NOT NULL,
    metered           bigint NOT NULL,
    text_in           bigint NOT NULL,
    image_in          bigint NOT NULL,
    cached_text_in    bigint NOT NULL,
    cached_image_in   bigint NOT NULL,
    image_out         bigint NOT NULL,
    text_out          bigint NOT NULL
);
CREATE INDEX rollup_watch ON rollup (watch);

-- These run with their owner's rights: who may only add rows has no other way to mark a day.

-- Begin to watch a day; the number under which its sums are to be kept. It waits for the bookings in flight: they have not
-- looked for it, and are in no sum yet. Each booking holds the same lock, shared, from before it looks until it is committed.
CREATE FUNCTION watch_day(watched bigint) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT
SET lock_timeout = '1s' AS $$
DECLARE
    number bigint := nextval('rolled_day_watch');
BEGIN
    DELETE FROM rollup WHERE watch IN (SELECT watch FROM rolled_day WHERE day = watched);
    PERFORM pg_advisory_xact_lock(hashtext('image-gateway bookings'));
    INSERT INTO rolled_day (day, watch) VALUES (watched, number)
    ON CONFLICT (day) DO UPDATE SET watch = number, kept = false, stale = false;
    RETURN number;
END
$$;

-- Its sums are complete.
CREATE FUNCTION keep_day(number bigint) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    UPDATE rolled_day SET kept = true WHERE watch = number
$$;

CREATE FUNCTION entry_makes_its_day_stale() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtext('image-gateway bookings'));
    -- In the order of the days, so that two bookings never wait for each other.
    WITH late AS (
        SELECT day FROM rolled_day WHERE NOT stale AND day IN (SELECT begun_at / 86400000000 FROM fresh) ORDER BY day FOR UPDATE
    )
    UPDATE rolled_day SET stale = true FROM late WHERE rolled_day.day = late.day;
    RETURN NULL;
END
$$;

CREATE FUNCTION watch_entries(part regclass) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    EXECUTE format(
        'CREATE TRIGGER entry_makes_its_day_stale AFTER INSERT ON %s REFERENCING NEW TABLE AS fresh'
        ' FOR EACH STATEMENT EXECUTE FUNCTION entry_makes_its_day_stale()', part);
END
$$;
SELECT watch_entries('entry');
SELECT watch_entries(inhrelid) FROM pg_inherits WHERE inhparent = 'entry'::regclass;

CREATE OR REPLACE FUNCTION guard_entries(part regclass) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM watch_entries(part);
    EXECUTE format(
        'CREATE TRIGGER entry_is_booked AFTER INSERT ON %s REFERENCING NEW TABLE AS fresh'
        ' FOR EACH STATEMENT EXECUTE FUNCTION entry_is_booked()', part);
    EXECUTE format(
        'CREATE TRIGGER entry_stands BEFORE UPDATE OR DELETE OR TRUNCATE ON %s'
        ' FOR EACH STATEMENT EXECUTE FUNCTION row_stands(''a ledger entry'')', part);
END
$$;
