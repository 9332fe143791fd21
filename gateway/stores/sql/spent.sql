-- What the attempts begun from :since on have cost or may still cost, of one subject ({column}) in one currency. An unknown cost
-- counts as its estimate, an unknown estimate as :unknown. Whole numbers only, so that the sum is exact.
WITH adjustment AS (
    SELECT request_id, attempt, sum(amount_nanos) AS nanos
    FROM entry
    WHERE kind = 'adjust'
    GROUP BY request_id, attempt
)
SELECT coalesce(sum(
    coalesce(adjustment.nanos, 0)
    + CASE
        WHEN closing.kind = 'settle' AND closing.amount_nanos IS NOT NULL THEN closing.amount_nanos
        WHEN closing.kind = 'void' THEN 0
        -- An adjusted attempt costs its adjustments, whatever it might have cost before.
        WHEN adjustment.nanos IS NOT NULL THEN 0
        ELSE coalesce(reserve.amount_nanos, :unknown)
    END
), 0) AS nanos
FROM entry AS reserve
LEFT JOIN entry AS closing
    ON closing.request_id = reserve.request_id AND closing.attempt = reserve.attempt AND closing.kind NOT IN ('reserve', 'adjust')
LEFT JOIN adjustment ON adjustment.request_id = reserve.request_id AND adjustment.attempt = reserve.attempt
WHERE reserve.kind = 'reserve' AND reserve.begun_at >= :since AND reserve.{column} = :subject AND reserve.currency = :currency
