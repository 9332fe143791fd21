-- The attempts begun in [:since, :until), summed by what is put in for {keys}, and by currency; `day` counts from 1970, in UTC.
-- Whole numbers only, so that the sums are exact. What a response's text model did ('response_text', the even numbers) is
-- booked beside what its image model did: it is no attempt of its own.
WITH adjustment AS (
    SELECT request_id, attempt, sum(amount_nanos) AS nanos
    FROM entry
    WHERE kind = 'adjust' AND begun_at >= :since AND begun_at < :until
    GROUP BY request_id, attempt
),
spent AS (
    SELECT
        reserve.attempt, reserve.contract, reserve.team, reserve.app, reserve.cost_centre, reserve.provider, reserve.billing_owner,
        reserve.invoice_issuer, reserve.model, reserve.operation, reserve.tags,
        reserve.begun_at / 86400000000 AS day,
        coalesce(closing.size, reserve.size) AS size,
        coalesce(closing.quality, reserve.quality) AS quality,
        coalesce(closing.outcome, 'open') AS outcome,
        coalesce(closing.currency, reserve.currency) AS currency,
        -- An adjusted attempt has a booked cost, whatever it was before.
        CASE WHEN adjustment.nanos IS NULL THEN coalesce(closing.kind, 'reserve') ELSE 'settle' END AS state,
        CASE
            WHEN adjustment.nanos IS NOT NULL
            THEN adjustment.nanos + CASE closing.kind WHEN 'settle' THEN coalesce(closing.amount_nanos, 0) ELSE 0 END
            WHEN closing.seq IS NULL THEN reserve.amount_nanos
            ELSE closing.amount_nanos
        END AS nanos,
        coalesce(closing.images, 0) AS images,
        coalesce(closing.discrepancies, '[]') AS discrepancies,
        closing.text_in, closing.image_in, closing.cached_text_in, closing.cached_image_in, closing.image_out, closing.text_out
    FROM entry AS reserve
    LEFT JOIN entry AS closing
        ON closing.request_id = reserve.request_id AND closing.attempt = reserve.attempt
        AND closing.begun_at = reserve.begun_at AND closing.kind NOT IN ('reserve', 'adjust')
    LEFT JOIN adjustment ON adjustment.request_id = reserve.request_id AND adjustment.attempt = reserve.attempt
    WHERE reserve.kind = 'reserve' AND reserve.begun_at >= :since AND reserve.begun_at < :until
)
SELECT
    {keys}
    currency,
    count(*) FILTER (WHERE operation <> 'response_text') AS attempts,
    count(*) FILTER (WHERE attempt = 1) AS requests,
    coalesce(sum(images) FILTER (WHERE state = 'settle'), 0) AS images,
    coalesce(sum(images) FILTER (WHERE state = 'settle' AND nanos IS NOT NULL), 0) AS priced_images,
    coalesce(sum(nanos) FILTER (WHERE state = 'settle'), 0) AS cost,
    coalesce(sum(nanos) FILTER (WHERE state IN ('expire', 'reserve')), 0) AS exposure,
    count(*) FILTER (WHERE state = 'settle' AND nanos IS NULL) AS unknown_costs,
    count(*) FILTER (WHERE state IN ('expire', 'reserve') AND nanos IS NULL) AS unknown_exposures,
    coalesce(sum(nanos) FILTER (WHERE state = 'settle' AND images = 0 AND operation <> 'response_text'), 0) AS undelivered,
    coalesce(sum(nanos) FILTER (WHERE state = 'settle' AND attempt > CASE operation WHEN 'response_text' THEN 2 ELSE 1 END), 0) AS fallbacks,
    coalesce(sum(nanos) FILTER (WHERE state = 'settle' AND discrepancies <> '[]'), 0) AS discrepant,
    count(text_in) AS metered,
    coalesce(sum(text_in), 0) AS text_in,
    coalesce(sum(image_in), 0) AS image_in,
    coalesce(sum(cached_text_in), 0) AS cached_text_in,
    coalesce(sum(cached_image_in), 0) AS cached_image_in,
    coalesce(sum(image_out), 0) AS image_out,
    coalesce(sum(text_out), 0) AS text_out
FROM spent
WHERE TRUE {only}
GROUP BY {groups}
