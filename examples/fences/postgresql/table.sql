-- The highest fence that each lock's data has seen. A fence is a number of 63 bits: a bigint holds it.
CREATE TABLE fences (
  lock  text   PRIMARY KEY, -- pool and name: orders/42
  fence bigint NOT NULL
);
