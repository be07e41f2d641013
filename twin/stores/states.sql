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
  tie INTEGER NOT NULL,
  before_at REAL, -- the reading observed next before: NULL where none is known
  before_tie INTEGER,
  before_value
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

-- Days (since 1970, UTC) that have rows above.
CREATE TABLE IF NOT EXISTS hot_days (day INTEGER PRIMARY KEY);

-- The catalogue of cold history (twin/stores/cold/parts.py): keys of series are JSON lists, NULL
-- in marker: nothing has been swept yet.
CREATE TABLE IF NOT EXISTS cold (
  id INTEGER PRIMARY KEY,
  day INTEGER NOT NULL,
  width INTEGER NOT NULL,
  file TEXT NOT NULL UNIQUE,
  first TEXT NOT NULL,
  last TEXT NOT NULL,
  rows INTEGER NOT NULL,
  size INTEGER NOT NULL,
  swept INTEGER NOT NULL,
  marker TEXT
);
CREATE INDEX IF NOT EXISTS cold_day ON cold (width, day);
-- Runs of days in which a series has cold readings.
CREATE TABLE IF NOT EXISTS cold_runs (
  series INTEGER NOT NULL,
  first_day INTEGER NOT NULL,
  last_day INTEGER NOT NULL,
  PRIMARY KEY (series, first_day)
) WITHOUT ROWID;
-- How many rows came above for a day that is in cold files already.
CREATE TABLE IF NOT EXISTS late_days (day INTEGER PRIMARY KEY, rows INTEGER NOT NULL);

-- States that moved, sequences first to last, as MessagePack (twin/stores/sqlite_outbox.py).
CREATE TABLE IF NOT EXISTS outbox_page (
  last INTEGER PRIMARY KEY,
  first INTEGER NOT NULL,
  states BLOB NOT NULL
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
  tenant TEXT NOT NULL DEFAULT '',
  UNIQUE (reason, device, topic)
);
CREATE INDEX IF NOT EXISTS quarantine_age ON quarantine (received_at, id);
CREATE INDEX IF NOT EXISTS quarantine_device ON quarantine (device, id);

-- The newest whole messages behind quarantine rows: a ring for each device of each tenant.
CREATE TABLE IF NOT EXISTS quarantine_message (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  held_by INTEGER NOT NULL, -- the row of quarantine
  tenant TEXT NOT NULL,
  device TEXT NOT NULL,
  received_at REAL NOT NULL,
  client TEXT NOT NULL,
  retained INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  payload BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS quarantine_message_held ON quarantine_message (held_by, id);
CREATE INDEX IF NOT EXISTS quarantine_message_ring ON quarantine_message (device, tenant, id);
CREATE TRIGGER IF NOT EXISTS quarantine_gone AFTER DELETE ON quarantine BEGIN
  DELETE FROM quarantine_message WHERE held_by = OLD.id;
END;
-- All bytes are counted as they come and go: a sum over the table would cost each commit a scan.
CREATE TRIGGER IF NOT EXISTS quarantine_message_came AFTER INSERT ON quarantine_message BEGIN
  INSERT INTO counters (name, value) VALUES ('quarantine_bytes', NEW.bytes)
  ON CONFLICT (name) DO UPDATE SET value = value + excluded.value;
END;
CREATE TRIGGER IF NOT EXISTS quarantine_message_went AFTER DELETE ON quarantine_message BEGIN
  UPDATE counters SET value = value - OLD.bytes WHERE name = 'quarantine_bytes';
END;

-- What people wrote down: how messages of a topic are read … (twin/rules.py).
CREATE TABLE IF NOT EXISTS rules (
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (kind, name)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS counters (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) WITHOUT ROWID;
