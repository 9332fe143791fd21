-- Counters are taken from in one look, and only those who may book count or mark.

-- The functions below run with their owner's rights and anybody may call them: a reader must not change what is counted, nor mark a
-- day as summed. The role is that which the session has chosen (SET ROLE), else the one that it logged in with.
CREATE FUNCTION booking_guard() RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    caller text := coalesce(nullif(current_setting('role'), 'none'), session_user);
BEGIN
    IF NOT has_table_privilege(caller, 'entry', 'INSERT') THEN
        RAISE insufficient_privilege USING MESSAGE = format('role %I may not book: it has no INSERT on entry', caller);
    END IF;
END
$$;

-- What is compared with the limits is what was locked, and nothing else: a counter that begins while this waits for another is
-- missing, because somebody may be taking from it.
CREATE OR REPLACE FUNCTION budget_hold(keys text[], limits bigint[], nanos bigint, OUT used bigint[], OUT refused integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM booking_guard();
    -- In the order of the keys, so that two never wait for each other.
    WITH locked AS MATERIALIZED (
        SELECT key, used_nanos FROM budget_counter
        WHERE key = ANY(keys) AND (until IS NULL OR until > now()) ORDER BY key FOR UPDATE
    )
    SELECT array_agg(locked.used_nanos ORDER BY place) INTO used
    FROM unnest(keys) WITH ORDINALITY AS asked(name, place) LEFT JOIN locked ON locked.key = asked.name;
    IF array_position(used, NULL) IS NOT NULL THEN
        RETURN;
    END IF;
    FOR place IN 1 .. cardinality(keys) LOOP
        IF used[place] + nanos > limits[place] THEN
            refused := place - 1;
            RETURN;
        END IF;
    END LOOP;
    UPDATE budget_counter SET used_nanos = used_nanos + nanos WHERE key = ANY(keys);
    SELECT array_agg(total + nanos ORDER BY place) INTO used FROM unnest(used) WITH ORDINALITY AS taken(total, place);
END
$$;

CREATE OR REPLACE FUNCTION budget_add(name text, nanos bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    total bigint;
BEGIN
    PERFORM booking_guard();
    UPDATE budget_counter SET used_nanos = used_nanos + nanos
    WHERE key = name AND (until IS NULL OR until > now()) RETURNING used_nanos INTO total;
    RETURN total;
END
$$;

-- Begin a counter that is missing; those whose time is over go, except what somebody holds: waiting for it in another order than
-- theirs could stop both.
CREATE OR REPLACE FUNCTION budget_seed(name text, nanos bigint, lifetime_s double precision) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM booking_guard();
    DELETE FROM budget_counter
    WHERE key IN (SELECT key FROM budget_counter WHERE until <= now() ORDER BY key FOR UPDATE SKIP LOCKED);
    INSERT INTO budget_counter (key, used_nanos, until) VALUES (name, nanos, now() + make_interval(secs => lifetime_s))
    ON CONFLICT (key) DO NOTHING;
END
$$;

CREATE OR REPLACE FUNCTION watch_day(watched bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET lock_timeout = '1s' AS $$
DECLARE
    number bigint := nextval('rolled_day_watch');
BEGIN
    PERFORM booking_guard();
    DELETE FROM rollup WHERE watch IN (SELECT watch FROM rolled_day WHERE day = watched);
    PERFORM pg_advisory_xact_lock(hashtext('image-gateway bookings'));
    INSERT INTO rolled_day (day, watch) VALUES (watched, number)
    ON CONFLICT (day) DO UPDATE SET watch = number, kept = false, stale = false;
    RETURN number;
END
$$;

CREATE OR REPLACE FUNCTION keep_day(number bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM booking_guard();
    UPDATE rolled_day SET kept = true WHERE watch = number;
END
$$;
