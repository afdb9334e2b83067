-- $1: the lock, $2: the fence of the grant. It is the first statement of the transaction that writes what the lock guards.
-- A row: go on. No row: a newer holder was here; roll back, and stop.
INSERT INTO fences AS seen (lock, fence) VALUES ($1, $2)
ON CONFLICT (lock) DO UPDATE SET fence = excluded.fence
  WHERE seen.fence <= excluded.fence
RETURNING fence
