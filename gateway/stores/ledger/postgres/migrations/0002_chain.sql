-- Who wrote each row, and the chain through the rows of each writer. A gateway is a new writer each time it starts.
ALTER TABLE entry
    ADD COLUMN writer text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN chain bytea;  -- SHA-256 over the row and the chain before it; NULL in rows that are older than the chain
CREATE INDEX entry_writer ON entry (writer, seq);

CREATE TABLE writer (
    writer     text   COLLATE "C" PRIMARY KEY,
    lock_key   bigint NOT NULL,  -- of the advisory lock that it holds while it lives
    started_at bigint NOT NULL
);

CREATE VIEW living_writer AS
SELECT writer
FROM writer
JOIN pg_locks ON locktype = 'advisory' AND objsubid = 1 AND granted
    AND classid::bigint = (lock_key >> 32) & 4294967295 AND objid::bigint = lock_key & 4294967295
    AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database());

ALTER TABLE open_attempt ADD COLUMN writer text COLLATE "C" NOT NULL DEFAULT '';

CREATE OR REPLACE FUNCTION entry_is_booked() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
BEGIN
    INSERT INTO open_attempt (request_id, attempt, begun_at, writer)
    SELECT request_id, attempt, begun_at, writer FROM fresh WHERE kind = 'reserve';
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

-- The end of each day of a writer's chain, and of each of its runs; signed where a key is configured. Each names the root
-- before it, whoever wrote that: a writer cannot be taken away with all that it wrote.
CREATE TABLE root (
    number     bigint PRIMARY KEY,
    writer     text   COLLATE "C" NOT NULL,
    day        text   COLLATE "C" NOT NULL,
    rows       bigint NOT NULL CHECK (rows >= 1),
    seq        bigint NOT NULL,
    chain      text   COLLATE "C" NOT NULL,
    before     text   COLLATE "C" NOT NULL,
    signature  text   COLLATE "C" NOT NULL,  -- a compact JWS, empty without a key
    written_at bigint NOT NULL,
    UNIQUE (writer, rows)
);

-- What a request did not cost because an earlier one's result was given to it; it has no attempt and no entries of its own.
CREATE TABLE saving (
    seq          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id   text   COLLATE "C" NOT NULL UNIQUE,
    original_id  text   COLLATE "C" NOT NULL,  -- the request whose result it was
    how          text   COLLATE "C" NOT NULL CHECK (how IN ('join', 'replay')),
    occurred_at  bigint NOT NULL,
    app          text   COLLATE "C" NOT NULL,
    team         text   COLLATE "C" NOT NULL,
    cost_centre  text   COLLATE "C" NOT NULL,
    model        text   COLLATE "C" NOT NULL,
    contract     text   COLLATE "C" NOT NULL,
    tags         text   COLLATE "C" NOT NULL,
    amount_nanos bigint CHECK (amount_nanos >= 0),  -- NULL where nobody knows
    currency     text   COLLATE "C" NOT NULL
);
CREATE INDEX saving_occurred_at ON saving (occurred_at);

CREATE TRIGGER root_stands BEFORE UPDATE OR DELETE OR TRUNCATE ON root
    FOR EACH STATEMENT EXECUTE FUNCTION row_stands('a root');
CREATE TRIGGER saving_stands BEFORE UPDATE OR DELETE OR TRUNCATE ON saving
    FOR EACH STATEMENT EXECUTE FUNCTION row_stands('a saving');
CREATE TRIGGER writer_stands BEFORE UPDATE OR DELETE OR TRUNCATE ON writer
    FOR EACH STATEMENT EXECUTE FUNCTION row_stands('a writer');
