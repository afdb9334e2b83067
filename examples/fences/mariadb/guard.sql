-- First ?: the lock, second ?: the fence of the grant. It is the first statement of the transaction that writes what the
-- lock guards. The row has your fence: go on. It has a higher one: a newer holder was here; roll back, and stop.
INSERT INTO fences (name, fence) VALUES (?, ?)
ON DUPLICATE KEY UPDATE fence = GREATEST(fence, VALUES(fence))
RETURNING fence
