-- Live state, history, dedup, outbox and quarantine in PostgreSQL (twin/stores/postgres).
-- A value lies in three columns (twin/stores/columns.py). tie: the device's n, or -1 without one.
-- Names are compared byte by byte (COLLATE "C"), as everywhere else in the product.

CREATE TABLE IF NOT EXISTS head (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  layout integer NOT NULL,
  sequence bigint NOT NULL,
  version bigint NOT NULL
);
INSERT INTO head (layout, sequence, version) VALUES (1, 0, 0) ON CONFLICT DO NOTHING;

CREATE TABLE IF NOT EXISTS things (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text COLLATE "C" NOT NULL UNIQUE,
  kind text COLLATE "C" NOT NULL DEFAULT '',
  name text NOT NULL DEFAULT '',
  region text COLLATE "C" NOT NULL DEFAULT '',
  building text COLLATE "C" NOT NULL DEFAULT '',
  lon double precision,
  lat double precision,
  grid2d text
);
CREATE INDEX IF NOT EXISTS things_kind ON things (kind, code);
CREATE INDEX IF NOT EXISTS things_building ON things (building, code);
CREATE INDEX IF NOT EXISTS things_region ON things (region, code);
CREATE INDEX IF NOT EXISTS things_place ON things USING gist (point(lon, lat));

CREATE TABLE IF NOT EXISTS series (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  thing bigint NOT NULL REFERENCES things (id),
  property text COLLATE "C" NOT NULL,
  source text COLLATE "C" NOT NULL,
  UNIQUE (thing, property, source)
);
CREATE INDEX IF NOT EXISTS series_property ON series (property, thing);

-- Half a page stays free: a row that moves on finds room beside itself and no index changes.
CREATE TABLE IF NOT EXISTS state (
  series bigint PRIMARY KEY,
  form "char" NOT NULL,
  number double precision,
  exact text,
  unit text COLLATE "C" NOT NULL,
  observed_at double precision NOT NULL,
  received_at double precision NOT NULL,
  changed_at double precision NOT NULL,
  quality text COLLATE "C" NOT NULL,
  tie bigint NOT NULL,
  before_at double precision, -- the reading observed next before: NULL where none is known
  before_tie bigint,
  before_form "char",
  before_number double precision,
  before_exact text
) WITH (fillfactor = 50);

CREATE TABLE IF NOT EXISTS outbox (
  sequence bigint PRIMARY KEY,
  series bigint NOT NULL,
  form "char" NOT NULL,
  number double precision,
  exact text,
  unit text COLLATE "C" NOT NULL,
  observed_at double precision NOT NULL,
  received_at double precision NOT NULL,
  changed_at double precision NOT NULL,
  quality text COLLATE "C" NOT NULL,
  tie bigint NOT NULL,
  before_at double precision, -- the reading observed next before: NULL where none is known
  before_tie bigint,
  before_form "char",
  before_number double precision,
  before_exact text
);

CREATE TABLE IF NOT EXISTS offsets (
  journal text COLLATE "C" PRIMARY KEY,
  position bigint NOT NULL
);

CREATE TABLE IF NOT EXISTS quarantine (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  reason text COLLATE "C" NOT NULL,
  device text COLLATE "C" NOT NULL,
  topic text COLLATE "C" NOT NULL,
  payload bytea NOT NULL,
  received_at double precision NOT NULL,
  facts text NOT NULL,
  count bigint NOT NULL,
  tenant text NOT NULL,
  UNIQUE (reason, device, topic)
);
CREATE INDEX IF NOT EXISTS quarantine_age ON quarantine (received_at, id);
CREATE INDEX IF NOT EXISTS quarantine_device ON quarantine (device, id);

-- The newest whole messages behind quarantine rows: a ring for each device of each tenant. Their
-- bytes are counted in counters as they come and go.
CREATE TABLE IF NOT EXISTS quarantine_message (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  held_by bigint NOT NULL REFERENCES quarantine (id),
  tenant text NOT NULL,
  device text COLLATE "C" NOT NULL,
  received_at double precision NOT NULL,
  client text NOT NULL,
  retained boolean NOT NULL,
  bytes bigint NOT NULL,
  payload bytea NOT NULL
);
CREATE INDEX IF NOT EXISTS quarantine_message_held ON quarantine_message (held_by, id);
CREATE INDEX IF NOT EXISTS quarantine_message_ring ON quarantine_message (device, tenant, id);

-- What people wrote down: how messages of a topic are read … (twin/rules.py).
CREATE TABLE IF NOT EXISTS rules (
  kind text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  body text NOT NULL,
  PRIMARY KEY (kind, name)
);

CREATE TABLE IF NOT EXISTS counters (
  name text COLLATE "C" PRIMARY KEY,
  value bigint NOT NULL
);
INSERT INTO counters VALUES ('quarantine_bytes', 0), ('quarantine_dropped', 0),
  ('history_dropped_rows', 0) ON CONFLICT DO NOTHING;

-- Days (since 1970, UTC) of which coarser rows have been made. ready: they are complete; dirty: a
-- reading came after; raw: the readings themselves are still kept; widths: of its coarser rows.
CREATE TABLE IF NOT EXISTS rolled (
  day integer PRIMARY KEY,
  ready boolean NOT NULL DEFAULT false,
  dirty boolean NOT NULL DEFAULT false,
  raw boolean NOT NULL DEFAULT true,
  widths integer[] NOT NULL DEFAULT '{}'
);

-- Rows that stand for ``width`` seconds of one series: the numbers of twin.buckets.Partial.
CREATE TABLE IF NOT EXISTS coarse (
  width integer NOT NULL,
  day integer NOT NULL,
  series bigint NOT NULL,
  begin double precision NOT NULL,
  n bigint NOT NULL,
  left_out bigint NOT NULL,
  total double precision,
  low double precision,
  high double precision,
  first_at double precision,
  first_tie bigint,
  first double precision,
  last_at double precision,
  last_tie bigint,
  last double precision,
  unit_low text COLLATE "C" NOT NULL,
  unit_high text COLLATE "C" NOT NULL,
  PRIMARY KEY (width, series, day, begin)
) PARTITION BY RANGE (day);
