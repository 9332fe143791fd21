-- Writes a group of entries: one row of values an entry, as ledger_rows.row_of builds them, then recorded_at, writer, chain.
-- The chain covers all before it in this order.
INSERT INTO entry (
    event_id, kind, request_id, attempt, occurred_at,
    app, team, cost_centre, model, route,
    provider, upstream_model, contract, contract_revision, billing_owner,
    invoice_issuer, price_list, config_revision, operation, tags, begun_at, amount_nanos,
    currency, basis, images, size, quality,
    text_in, image_in, cached_text_in, cached_image_in, image_out,
    text_out, outcome, owner, upstream_request_id, discrepancies,
    images_sha256, reference, reason,
    recorded_at, writer, chain
)
VALUES {rows}
ON CONFLICT (event_id) DO NOTHING
