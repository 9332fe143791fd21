-- From the tables of version 2, renamed, into those of version 3.
INSERT INTO entry (
    seq, event_id, kind, request_id, attempt, occurred_at, app, team, cost_centre, model, route, provider, upstream_model,
    contract, contract_revision, billing_owner, price_list, config_revision, operation, tags, amount_nanos, currency, basis, images,
    size, quality, text_in, image_in, cached_text_in, cached_image_in, image_out, text_out, outcome, owner, upstream_request_id,
    recorded_at, discrepancies,
    invoice_issuer, begun_at
)
SELECT
    seq, event_id, kind, request_id, attempt, occurred_at, app, team, cost_centre, model, route, provider, upstream_model,
    contract, contract_revision, billing_owner, price_list, config_revision, operation, tags, amount_nanos, currency, basis, images,
    size, quality, text_in, image_in, cached_text_in, cached_image_in, image_out, text_out, outcome, owner, upstream_request_id,
    recorded_at, discrepancies,
    billing_owner,
    (SELECT min(first.occurred_at) FROM old_entry AS first WHERE first.event_id = old_entry.request_id || '.' || old_entry.attempt || '.reserve')
FROM old_entry
ORDER BY seq;
DROP TABLE old_entry
