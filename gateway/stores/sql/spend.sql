-- Spend of the attempts begun in [:since, :until), by the dimensions put in for `keys`, and by
-- currency; `day` is the UTC date at which an attempt began. Whole numbers only, so that the sums are exact.
WITH adjustment AS (
    SELECT request_id, attempt, sum(amount_nanos) AS nanos
    FROM entry
    WHERE kind = 'adjust'
    GROUP BY request_id, attempt
),
attempt AS (
    SELECT
        reserve.request_id, reserve.contract, reserve.team, reserve.app, reserve.provider, reserve.model,
        {day} AS day,
        coalesce(closing.currency, reserve.currency) AS currency,
        -- An adjusted attempt has a booked cost, whatever it was before.
        CASE WHEN adjustment.nanos IS NULL THEN coalesce(closing.kind, 'reserve') ELSE 'settle' END AS state,
        CASE
            WHEN adjustment.nanos IS NOT NULL
            THEN adjustment.nanos + CASE closing.kind WHEN 'settle' THEN coalesce(closing.amount_nanos, 0) ELSE 0 END
            WHEN closing.seq IS NULL THEN reserve.amount_nanos
            ELSE closing.amount_nanos
        END AS amount_nanos,
        closing.images AS delivered
    FROM entry AS reserve
    LEFT JOIN entry AS closing
        ON closing.request_id = reserve.request_id AND closing.attempt = reserve.attempt AND closing.kind NOT IN ('reserve', 'adjust')
    LEFT JOIN adjustment ON adjustment.request_id = reserve.request_id AND adjustment.attempt = reserve.attempt
    WHERE reserve.kind = 'reserve' AND reserve.begun_at >= :since AND reserve.begun_at < :until
)
SELECT
    {keys}
    currency,
    count(DISTINCT request_id) AS requests,
    coalesce(sum(delivered) FILTER (WHERE state = 'settle'), 0) AS images,
    coalesce(sum(amount_nanos) FILTER (WHERE state = 'settle'), 0) AS cost_nanos,
    coalesce(sum(amount_nanos) FILTER (WHERE state IN ('expire', 'reserve')), 0) AS exposure_nanos,
    count(*) FILTER (WHERE state = 'settle' AND amount_nanos IS NULL) AS unknown_costs,
    count(*) FILTER (WHERE state IN ('expire', 'reserve') AND amount_nanos IS NULL) AS unknown_exposures
FROM attempt
GROUP BY {keys} currency
ORDER BY {keys} currency
