-- Writes a group of entries at once. ?1 is a JSON array of rows as ledger_rows.row_of builds them; ?2 is recorded_at.
-- One statement a group: Python gives up its global lock at every step of a statement and, beside a busy event loop, waits
-- up to 5 ms to get it back, so that a statement a row makes a group of 500 take a second.
INSERT INTO entry (
    event_id, kind, request_id, attempt, occurred_at,
    app, team, cost_centre, model, route,
    provider, upstream_model, contract, contract_revision, billing_owner,
    price_list, config_revision, operation, tags, amount_nanos,
    currency, basis, images, size, quality,
    text_in, image_in, cached_text_in, cached_image_in, image_out,
    text_out, outcome, owner, upstream_request_id, recorded_at
)
SELECT
    json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'), json_extract(value, '$[3]'),
    json_extract(value, '$[4]'), json_extract(value, '$[5]'), json_extract(value, '$[6]'), json_extract(value, '$[7]'),
    json_extract(value, '$[8]'), json_extract(value, '$[9]'), json_extract(value, '$[10]'), json_extract(value, '$[11]'),
    json_extract(value, '$[12]'), json_extract(value, '$[13]'), json_extract(value, '$[14]'), json_extract(value, '$[15]'),
    json_extract(value, '$[16]'), json_extract(value, '$[17]'), json_extract(value, '$[18]'), json_extract(value, '$[19]'),
    json_extract(value, '$[20]'), json_extract(value, '$[21]'), json_extract(value, '$[22]'), json_extract(value, '$[23]'),
    json_extract(value, '$[24]'), json_extract(value, '$[25]'), json_extract(value, '$[26]'), json_extract(value, '$[27]'),
    json_extract(value, '$[28]'), json_extract(value, '$[29]'), json_extract(value, '$[30]'), json_extract(value, '$[31]'),
    json_extract(value, '$[32]'), json_extract(value, '$[33]'), ?2
FROM json_each(?1)
WHERE TRUE -- without it SQLite would read ON CONFLICT as a join's ON
ON CONFLICT (event_id) DO NOTHING
