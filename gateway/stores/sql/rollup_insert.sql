INSERT INTO rollup (
    watch, contract, team, app, cost_centre, provider, billing_owner, invoice_issuer, model, size, quality, outcome, currency,
    attempts, requests, images, priced_images, cost, exposure, unknown_costs, unknown_exposures, undelivered, fallbacks, discrepant,
    metered, text_in, image_in, cached_text_in, cached_image_in, image_out, text_out
)
VALUES (
    :watch, :contract, :team, :app, :cost_centre, :provider, :billing_owner, :invoice_issuer, :model, :size, :quality, :outcome,
    :currency, :attempts, :requests, :images, :priced_images, :cost, :exposure, :unknown_costs, :unknown_exposures, :undelivered,
    :fallbacks, :discrepant, :metered, :text_in, :image_in, :cached_text_in, :cached_image_in, :image_out, :text_out
)
