-- What is used of each budget, for gateways that share this database and no Redis. Derived from the entries: a counter that is
-- missing is begun anew from them.
CREATE TABLE budget_counter (
    key        text   COLLATE "C" PRIMARY KEY,
    used_nanos bigint NOT NULL,
    until      timestamptz  -- NULL: for ever
);

-- These run with their owner's rights: who may only add rows has no other way to count.

-- Take from all counters or from none. `used` has one member a key, NULL where it is missing; `refused` is the number of the first
-- that has no room, from 0.
CREATE FUNCTION budget_hold(keys text[], limits bigint[], nanos bigint, OUT used bigint[], OUT refused integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    -- In the order of the keys, so that two never wait for each other.
    PERFORM FROM budget_counter WHERE key = ANY(keys) ORDER BY key FOR UPDATE;
    SELECT array_agg(counter.used_nanos ORDER BY place) INTO used
    FROM unnest(keys) WITH ORDINALITY AS asked(name, place)
    LEFT JOIN budget_counter AS counter ON counter.key = asked.name AND (counter.until IS NULL OR counter.until > now());
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

CREATE FUNCTION budget_add(name text, nanos bigint) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    UPDATE budget_counter SET used_nanos = used_nanos + nanos
    WHERE key = name AND (until IS NULL OR until > now()) RETURNING used_nanos
$$;

-- Begin a counter that is missing; those whose time is over go.
CREATE FUNCTION budget_seed(name text, nanos bigint, lifetime_s double precision) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM budget_counter WHERE until <= now();
    INSERT INTO budget_counter (key, used_nanos, until) VALUES (name, nanos, now() + make_interval(secs => lifetime_s))
    ON CONFLICT (key) DO NOTHING;
END
$$;
