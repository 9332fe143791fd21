INSERT INTO root (writer, day, rows, seq, chain, before, signature, written_at)
VALUES (:writer, :day, :rows, :seq, :chain, :before, :signature, :written_at)
