-- The city graph in one SQLite file. g_to = 9223372036854775807: nothing has ended the row.
-- Every table that is searched at a generation has the generations in its index, so that a lookup
-- is decided without touching the row.

CREATE TABLE head (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  generation INTEGER NOT NULL,
  activated_at REAL NOT NULL
) STRICT;
INSERT INTO head VALUES (1, 0, 0.0);

-- One row: who writes. fence grows with every taking; process: who that is on this host.
CREATE TABLE lease (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  fence INTEGER NOT NULL,
  holder TEXT,
  process TEXT,
  expires_at REAL NOT NULL
) STRICT;
INSERT INTO lease VALUES (1, 0, NULL, NULL, 0.0);

CREATE TABLE outbox (
  generation INTEGER PRIMARY KEY,
  at REAL NOT NULL,
  event TEXT NOT NULL
) STRICT;
CREATE INDEX outbox_at ON outbox (at, generation);
CREATE INDEX outbox_dated ON outbox (json_extract(event, '$.valid_from'), generation)
WHERE json_extract(event, '$.valid_from') IS NOT NULL;

-- AUTOINCREMENT: the id of an undone row is never used again, so what it left in `words`
-- (contentless, nothing is deleted from it) can never point at another row.
CREATE TABLE facts (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  code TEXT NOT NULL,
  g_from INTEGER NOT NULL,
  g_to INTEGER NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  lifecycle TEXT NOT NULL,
  lon REAL, lat REAL, height_m REAL,
  west REAL, south REAL, east REAL, north REAL,
  grid2d TEXT,
  ifc_class TEXT,             -- a copy of properties.ifc_class: the property asked for most
  properties TEXT NOT NULL    -- last: rows are filtered without reading it
) STRICT;
CREATE INDEX facts_code ON facts (code, g_from, g_to, kind);
CREATE INDEX facts_kind ON facts (kind, code, g_from, g_to);
CREATE INDEX facts_class ON facts (ifc_class, code, g_from, g_to) WHERE ifc_class IS NOT NULL;
CREATE INDEX facts_grid ON facts (grid2d, code, g_from, g_to) WHERE grid2d IS NOT NULL;
CREATE INDEX facts_from ON facts (g_from);
CREATE INDEX facts_to ON facts (g_to) WHERE g_to < 9223372036854775807;

-- 32-bit floats rounded outwards: candidates only, `facts` decides.
CREATE VIRTUAL TABLE boxes USING rtree (id, west, east, south, north);

-- Terms come cut and folded from cim.terms; the tokenizer only splits at blanks.
-- detail=none: all terms must occur, their order is never asked.
CREATE VIRTUAL TABLE words USING fts5 (
  terms, content='', columnsize=0, detail=none, tokenize="ascii tokenchars '-_./:#$'"
);

CREATE TABLE relations (
  verb TEXT NOT NULL,
  source TEXT NOT NULL,
  target TEXT NOT NULL,
  g_from INTEGER NOT NULL,
  g_to INTEGER NOT NULL,
  properties TEXT NOT NULL,
  PRIMARY KEY (source, verb, target, g_from)
) STRICT, WITHOUT ROWID;
CREATE INDEX relations_target ON relations (target, verb, source, g_from, g_to);
CREATE INDEX relations_from ON relations (g_from);
CREATE INDEX relations_to ON relations (g_to) WHERE g_to < 9223372036854775807;

CREATE TABLE aliases (
  scheme TEXT NOT NULL,
  scope TEXT NOT NULL,
  value TEXT NOT NULL,
  code TEXT NOT NULL,
  source TEXT NOT NULL,
  confidence REAL NOT NULL,
  g_from INTEGER NOT NULL,
  g_to INTEGER NOT NULL,
  PRIMARY KEY (value, scheme, scope, g_from)
) STRICT, WITHOUT ROWID;
-- The aliases of a code lie all over the table, which is ordered by value: the index holds them.
CREATE INDEX aliases_code ON aliases (code, g_from, g_to, source, confidence);
CREATE INDEX aliases_from ON aliases (g_from);
CREATE INDEX aliases_to ON aliases (g_to) WHERE g_to < 9223372036854775807;

CREATE TABLE tiles (
  root TEXT NOT NULL,
  document TEXT NOT NULL,
  g_from INTEGER NOT NULL,
  g_to INTEGER NOT NULL,
  entry TEXT NOT NULL,
  PRIMARY KEY (root, document, g_from)
) STRICT, WITHOUT ROWID;

-- Blocks of serials, never given back. They need no lease and belong to no generation.
CREATE TABLE serials (
  prefix TEXT NOT NULL,
  first INTEGER NOT NULL,
  count INTEGER NOT NULL,
  owner TEXT NOT NULL,
  PRIMARY KEY (prefix, first)
) STRICT, WITHOUT ROWID;
CREATE INDEX serials_owner ON serials (prefix, owner, first);

PRAGMA user_version = 3;
