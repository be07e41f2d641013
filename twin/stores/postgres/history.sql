-- History: its primary key is the dedup. day: observed_at in whole days since 1970 (UTC), what it
-- is cut by. changed_at: what the state said when the row became it; NULL: the row came late.
CREATE TABLE IF NOT EXISTS history (
  series bigint NOT NULL,
  day integer NOT NULL,
  observed_at double precision NOT NULL,
  tie bigint NOT NULL,
  received_at double precision NOT NULL,
  form "char" NOT NULL,
  number double precision,
  exact text,
  unit text COLLATE "C" NOT NULL,
  quality text COLLATE "C" NOT NULL,
  changed_at double precision,
  PRIMARY KEY (series, day, observed_at, tie)
)
