-- What requests in [:since, :until) saved because they got an earlier one's result, by what is put in for {keys}, and by currency.
-- What a saving does not say itself is what the delivery says that was given again.
WITH again AS (
    SELECT
        saving.contract, saving.team, saving.app, saving.cost_centre, saving.model, saving.tags, saving.currency,
        saving.occurred_at / 86400000000 AS day, saving.amount_nanos AS nanos,
        coalesce(original.provider, '') AS provider,
        coalesce(original.billing_owner, '') AS billing_owner,
        coalesce(original.invoice_issuer, '') AS invoice_issuer,
        coalesce(original.size, '') AS size,
        coalesce(original.quality, '') AS quality,
        coalesce(original.outcome, 'completed') AS outcome
    FROM saving
    LEFT JOIN entry AS original
        ON original.request_id = saving.original_id AND original.kind NOT IN ('reserve', 'adjust') AND original.kind = 'settle'
    WHERE saving.occurred_at >= :since AND saving.occurred_at < :until
)
SELECT
    {keys}
    currency,
    count(*) AS repeats,
    coalesce(sum(nanos), 0) AS saved,
    count(*) FILTER (WHERE nanos IS NULL) AS unknown_savings
FROM again
WHERE TRUE {only}
GROUP BY {groups}
