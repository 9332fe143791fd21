-- Writes any number of entries: an array a column, as ledger_rows.row_of has them, then recorded_at, writer, chain. The chain
-- covers all before it in the order of sql/insert.sql.
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
SELECT * FROM unnest(
    %b::text[], %b::text[], %b::text[], %b::bigint[], %b::bigint[],
    %b::text[], %b::text[], %b::text[], %b::text[], %b::text[],
    %b::text[], %b::text[], %b::text[], %b::text[], %b::text[],
    %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::bigint[], %b::bigint[],
    %b::text[], %b::text[], %b::bigint[], %b::text[], %b::text[],
    %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[],
    %b::bigint[], %b::text[], %b::text[], %b::text[], %b::text[],
    %b::text[], %b::text[], %b::text[],
    %b::bigint[], %b::text[], %b::bytea[]
)
