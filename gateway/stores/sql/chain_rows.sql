-- All rows in their order: number, event, writer and hash, then what the hash covers, as insert.sql has it.
SELECT
    seq, event_id, writer, chain,
    event_id, kind, request_id, attempt, occurred_at,
    app, team, cost_centre, model, route,
    provider, upstream_model, contract, contract_revision, billing_owner,
    invoice_issuer, price_list, config_revision, operation, tags, begun_at, amount_nanos,
    currency, basis, images, size, quality,
    text_in, image_in, cached_text_in, cached_image_in, image_out,
    text_out, outcome, owner, upstream_request_id, discrepancies,
    images_sha256, reference, reason,
    recorded_at
FROM entry
ORDER BY seq
