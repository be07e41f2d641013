-- What the writer's connection has of its own: rows on their way into state, outbox and history.
CREATE TEMP TABLE IF NOT EXISTS moved (
  place bigint,
  series bigint,
  form "char",
  number double precision,
  exact text,
  unit text,
  observed_at double precision,
  received_at double precision,
  changed_at double precision,
  quality text,
  tie bigint,
  before_at double precision,
  before_tie bigint,
  before_form "char",
  before_number double precision,
  before_exact text
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS late (
  place bigint,
  series bigint,
  day integer,
  observed_at double precision,
  tie bigint,
  received_at double precision,
  form "char",
  number double precision,
  exact text,
  unit text,
  quality text,
  changed_at double precision
) ON COMMIT DELETE ROWS;
