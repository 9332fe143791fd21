INSERT INTO root (number, writer, day, rows, seq, chain, before, signature, written_at)
VALUES (:number, :writer, :day, :rows, :seq, :chain, :before, :signature, :written_at)
ON CONFLICT (writer, rows) DO NOTHING
