-- Live state, history, dedup, outbox and quarantine in one file (twin/stores/sqlite.py).
-- A value column has no type: integers, floats and texts stay what they are, NULL is NA,
-- a truth value is a blob of one byte (SQLite has none, and true is not 1).
-- tie: the device's sequence number n, or -1 where it sends none.

CREATE TABLE IF NOT EXISTS things (
  id INTEGER PRIMARY KEY,
  code TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL DEFAULT '',
  name TEXT NOT NULL DEFAULT '',
  region TEXT NOT NULL DEFAULT '',
  building TEXT NOT NULL DEFAULT '',
  lon REAL,
  lat REAL,
  grid2d TEXT
);
CREATE INDEX IF NOT EXISTS things_kind ON things (kind, code);
CREATE INDEX IF NOT EXISTS things_building ON things (building, code);
CREATE INDEX IF NOT EXISTS things_region ON things (region, code);
CREATE VIRTUAL TABLE IF NOT EXISTS places USING rtree (id, west, east, south, north);

CREATE TABLE IF NOT EXISTS series (
  id INTEGER PRIMARY KEY,
  thing INTEGER NOT NULL REFERENCES things (id),
  property TEXT NOT NULL,
  source TEXT NOT NULL,
  UNIQUE (thing, property, source)
);
CREATE INDEX IF NOT EXISTS series_property ON series (property, thing);

CREATE TABLE IF NOT EXISTS state (
  series INTEGER PRIMARY KEY REFERENCES series (id),
  value,
  unit TEXT NOT NULL,
  observed_at REAL NOT NULL,
  received_at REAL NOT NULL,
  changed_at REAL NOT NULL,
  quality TEXT NOT NULL,
  tie INTEGER NOT NULL
);

-- The primary key is the dedup: (source, code, property, observed_at, n). changed_at is what the
-- state said when the row became it; NULL (a row that came late, or an older file): observed_at.
CREATE TABLE IF NOT EXISTS history (
  series INTEGER NOT NULL,
  observed_at REAL NOT NULL,
  tie INTEGER NOT NULL,
  received_at REAL NOT NULL,
  value,
  unit TEXT NOT NULL,
  quality TEXT NOT NULL,
  changed_at REAL,
  PRIMARY KEY (series, observed_at, tie)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS outbox (
  sequence INTEGER PRIMARY KEY,
  series INTEGER NOT NULL,
  value,
  unit TEXT NOT NULL,
  observed_at REAL NOT NULL,
  received_at REAL NOT NULL,
  changed_at REAL NOT NULL,
  quality TEXT NOT NULL,
  tie INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS offsets (
  journal TEXT PRIMARY KEY,
  position INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS quarantine (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  reason TEXT NOT NULL,
  device TEXT NOT NULL,
  topic TEXT NOT NULL,
  payload BLOB NOT NULL,
  received_at REAL NOT NULL,
  facts TEXT NOT NULL,
  count INTEGER NOT NULL,
  UNIQUE (reason, device, topic)
);
CREATE INDEX IF NOT EXISTS quarantine_age ON quarantine (received_at, id);

CREATE TABLE IF NOT EXISTS counters (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) WITHOUT ROWID;
