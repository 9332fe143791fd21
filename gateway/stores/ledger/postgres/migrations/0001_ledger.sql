-- One row an entry, written once: rows are never changed and never removed. Texts compare by their bytes, as in SQLite.

-- Times are microseconds since 1970-01-01 UTC; amounts are nano-units (1e-9) of the currency, NULL where nobody knows them.
-- occurred_at is when the gateway came to know, recorded_at when the row was written, begun_at when the attempt began: all
-- entries of an attempt belong to the month in which it began. An adjustment's amount is added to the booked cost.
CREATE SEQUENCE entry_seq;
CREATE TABLE entry (
    seq                 bigint NOT NULL DEFAULT nextval('entry_seq'),
    event_id            text   COLLATE "C" NOT NULL,
    kind                text   COLLATE "C" NOT NULL,
    request_id          text   COLLATE "C" NOT NULL,
    attempt             bigint NOT NULL CHECK (attempt >= 1),
    occurred_at         bigint NOT NULL,
    app                 text   COLLATE "C" NOT NULL,
    team                text   COLLATE "C" NOT NULL,
    cost_centre         text   COLLATE "C" NOT NULL,
    model               text   COLLATE "C" NOT NULL,
    route               text   COLLATE "C" NOT NULL,
    provider            text   COLLATE "C" NOT NULL,
    upstream_model      text   COLLATE "C" NOT NULL,
    contract            text   COLLATE "C" NOT NULL,
    contract_revision   text   COLLATE "C" NOT NULL,
    billing_owner       text   COLLATE "C" NOT NULL,
    invoice_issuer      text   COLLATE "C" NOT NULL,
    price_list          text   COLLATE "C" NOT NULL,
    config_revision     text   COLLATE "C" NOT NULL,
    operation           text   COLLATE "C" NOT NULL,
    tags                text   COLLATE "C" NOT NULL,  -- a JSON object
    begun_at            bigint NOT NULL,
    amount_nanos        bigint CHECK (amount_nanos >= 0 OR kind = 'adjust'),
    currency            text   COLLATE "C" NOT NULL,
    basis               text   COLLATE "C" NOT NULL CHECK (basis IN ('reported', 'computed', 'estimated', 'unknown')),
    images              bigint NOT NULL CHECK (images >= 0),
    size                text   COLLATE "C" NOT NULL,
    quality             text   COLLATE "C" NOT NULL,
    text_in             bigint CHECK (text_in >= 0),
    image_in            bigint CHECK (image_in >= 0),
    cached_text_in      bigint CHECK (cached_text_in >= 0),
    cached_image_in     bigint CHECK (cached_image_in >= 0),
    image_out           bigint CHECK (image_out >= 0),
    text_out            bigint CHECK (text_out >= 0),
    outcome             text   COLLATE "C",
    owner               text   COLLATE "C" NOT NULL,
    upstream_request_id text   COLLATE "C" NOT NULL,
    recorded_at         bigint NOT NULL,
    discrepancies       text   COLLATE "C" NOT NULL DEFAULT '[]',  -- a JSON array: where the delivery differs from the request
    images_sha256       text   COLLATE "C" NOT NULL DEFAULT '[]',  -- a JSON array: of the delivered images, hex
    reference           text   COLLATE "C" NOT NULL DEFAULT '',    -- what made an adjustment
    reason              text   COLLATE "C" NOT NULL DEFAULT '',    -- of an adjustment, for people

    -- A key of a partitioned table holds what it is partitioned by; begun_at is the same in all entries of an attempt.
    PRIMARY KEY (event_id, begun_at),
    CHECK (event_id = request_id || '.' || attempt || '.' || kind || CASE kind WHEN 'adjust' THEN '.' || reference ELSE '' END),
    CHECK ((kind = 'adjust') = (reference <> '')),
    CHECK ((amount_nanos IS NULL) = (basis = 'unknown')),
    CHECK (
        CASE kind
            WHEN 'reserve' THEN outcome IS NULL
            WHEN 'settle' THEN coalesce(outcome, '') = 'completed'
            WHEN 'void' THEN coalesce(outcome, '') IN ('not_sent', 'rejected')
            WHEN 'expire' THEN coalesce(outcome, '') = 'ambiguous'
            WHEN 'adjust' THEN amount_nanos IS NOT NULL
            ELSE FALSE
        END
    )
) PARTITION BY RANGE (begun_at);

-- At most one closing entry an attempt.
CREATE UNIQUE INDEX entry_closing ON entry (request_id, attempt, begun_at) WHERE kind NOT IN ('reserve', 'adjust');
-- Attempts of a period, whole and in their order.
CREATE INDEX entry_begun_at ON entry (begun_at, request_id, attempt);
-- Adjustments, the rarest of entries, by their attempt.
CREATE INDEX entry_adjustment ON entry (request_id, attempt) WHERE kind = 'adjust';

-- The attempts without a closing entry: what a dead process left open is found without reading the whole ledger.
CREATE TABLE open_attempt (
    request_id text   COLLATE "C" NOT NULL,
    attempt    bigint NOT NULL,
    begun_at   bigint NOT NULL,
    PRIMARY KEY (request_id, attempt)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- It runs with its owner's rights: who may only add entries has no other way to close what is open. A few new rows look for
-- theirs by index, whatever the planner believed when the tables were empty.
CREATE FUNCTION entry_is_booked() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
BEGIN
    INSERT INTO open_attempt (request_id, attempt, begun_at)
    SELECT request_id, attempt, begun_at FROM fresh WHERE kind = 'reserve';
    IF NOT EXISTS (SELECT FROM fresh WHERE kind <> 'reserve') THEN
        RETURN NULL;
    END IF;
    IF EXISTS (
        SELECT FROM fresh WHERE kind <> 'reserve' AND NOT EXISTS (
            SELECT FROM entry
            WHERE event_id = fresh.request_id || '.' || fresh.attempt || '.reserve' AND entry.begun_at = fresh.begun_at
        )
    ) THEN
        RAISE EXCEPTION 'a closing entry needs the reserve of its attempt' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF EXISTS (
        SELECT FROM fresh WHERE kind = 'adjust' AND NOT EXISTS (
            SELECT FROM entry
            WHERE entry.request_id = fresh.request_id AND entry.attempt = fresh.attempt AND entry.begun_at = fresh.begun_at
                AND entry.kind NOT IN ('reserve', 'adjust')
        )
    ) THEN
        RAISE EXCEPTION 'an adjustment needs an attempt that is closed' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    DELETE FROM open_attempt USING fresh
    WHERE open_attempt.request_id = fresh.request_id AND open_attempt.attempt = fresh.attempt
        AND fresh.kind NOT IN ('reserve', 'adjust');
    RETURN NULL;
END
$$;

CREATE FUNCTION row_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is never %', TG_ARGV[0], CASE TG_OP WHEN 'UPDATE' THEN 'changed' ELSE 'removed' END
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;

-- A trigger of a statement fires where the statement is aimed: each month has its own, so that none is a way around them.
CREATE FUNCTION guard_entries(part regclass) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    EXECUTE format(
        'CREATE TRIGGER entry_is_booked AFTER INSERT ON %s REFERENCING NEW TABLE AS fresh'
        ' FOR EACH STATEMENT EXECUTE FUNCTION entry_is_booked()', part);
    EXECUTE format(
        'CREATE TRIGGER entry_stands BEFORE UPDATE OR DELETE OR TRUNCATE ON %s'
        ' FOR EACH STATEMENT EXECUTE FUNCTION row_stands(''a ledger entry'')', part);
END
$$;

-- Holds what has no month of its own, so that no entry is ever refused for the date it bears.
CREATE TABLE entry_rest PARTITION OF entry DEFAULT;
SELECT guard_entries('entry'), guard_entries('entry_rest');

-- This month and those ahead; the names of those that it made. A month of which the rest holds rows stays there. It runs with
-- its owner's rights: a gateway that may only add rows can still have its months made.
CREATE FUNCTION make_months(ahead integer) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    first timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
    since bigint;
    until bigint;
    name text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('image-gateway months'));
    FOR month IN 0 .. least(ahead, 24) LOOP
        name := to_char(first + make_interval(months => month), '"entry_"YYYY_MM');
        since := extract(epoch FROM first + make_interval(months => month))::bigint * 1000000;
        until := extract(epoch FROM first + make_interval(months => month + 1))::bigint * 1000000;
        CONTINUE WHEN to_regclass(name) IS NOT NULL;
        CONTINUE WHEN EXISTS (SELECT FROM entry_rest WHERE begun_at >= since AND begun_at < until);
        EXECUTE format('CREATE TABLE %I PARTITION OF entry FOR VALUES FROM (%s) TO (%s)', name, since, until);
        PERFORM guard_entries(name::regclass);
        RETURN NEXT name;
    END LOOP;
END
$$;
