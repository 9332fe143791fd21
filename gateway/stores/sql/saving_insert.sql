-- One saving; writing it again changes nothing.
INSERT INTO saving (
    request_id, original_id, how, occurred_at, app, team, cost_centre, model, contract, tags, amount_nanos, currency
)
VALUES (
    :request_id, :original_id, :how, :occurred_at, :app, :team, :cost_centre, :model, :contract, :tags, :amount_nanos, :currency
)
ON CONFLICT (request_id) DO NOTHING
