-- The highest fence that each lock's data has seen. A fence is a number of 63 bits: a BIGINT holds it.
-- As long as a lock's name may be (64 of the pool, a slash, 512 bytes), compared byte by byte: `a` and `A` are two locks.
CREATE TABLE fences (
  name  VARBINARY(600) PRIMARY KEY, -- pool and name: orders/42
  fence BIGINT NOT NULL
) ENGINE = InnoDB;
