-- 1 to 2: the outbox is asked by time.

CREATE INDEX outbox_at ON outbox (at, generation);
CREATE INDEX outbox_dated ON outbox (json_extract(event, '$.valid_from'), generation)
WHERE json_extract(event, '$.valid_from') IS NOT NULL;

PRAGMA user_version = 2;
