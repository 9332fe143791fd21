-- What `spend.sql` says of the days in [:first_day, :last_day) whose sums are kept and still right, from those sums.
SELECT
    {keys}
    currency,
    sum(attempts) AS attempts, sum(requests) AS requests, sum(images) AS images, sum(priced_images) AS priced_images,
    sum(cost) AS cost, sum(exposure) AS exposure,
    sum(unknown_costs) AS unknown_costs, sum(unknown_exposures) AS unknown_exposures,
    sum(undelivered) AS undelivered, sum(fallbacks) AS fallbacks, sum(discrepant) AS discrepant,
    sum(metered) AS metered, sum(text_in) AS text_in, sum(image_in) AS image_in, sum(cached_text_in) AS cached_text_in,
    sum(cached_image_in) AS cached_image_in, sum(image_out) AS image_out, sum(text_out) AS text_out
FROM rolled_day
JOIN rollup ON rollup.watch = rolled_day.watch
WHERE rolled_day.kept AND NOT rolled_day.stale AND rolled_day.day >= :first_day AND rolled_day.day < :last_day {only}
GROUP BY {groups}
