-- Deliveries in the place of a held route, the rarest of settlements: `gateway masked` reads them without the others.
CREATE INDEX entry_held ON entry (occurred_at) WHERE kind = 'settle' AND reason <> '';
