-- Jobs and the audit trail in one file (twin/stores/jobs.py). Mappings are JSON texts.

CREATE TABLE IF NOT EXISTS jobs (
  place INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  payload TEXT NOT NULL,
  state TEXT NOT NULL,
  stage TEXT NOT NULL,
  fraction REAL NOT NULL,
  counts TEXT NOT NULL,
  created_at REAL NOT NULL,
  started_at REAL,
  finished_at REAL,
  result TEXT,
  error TEXT,
  findings TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  worker TEXT NOT NULL DEFAULT '',
  alive_at REAL NOT NULL DEFAULT 0,
  subject TEXT NOT NULL DEFAULT '',
  cancelled INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS jobs_waiting ON jobs (state, place);
CREATE INDEX IF NOT EXISTS jobs_of ON jobs (subject, place) WHERE subject != '';
CREATE INDEX IF NOT EXISTS jobs_reading ON jobs (json_extract(payload, '$.sha256'), place);

CREATE TABLE IF NOT EXISTS audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at REAL NOT NULL,
  who TEXT NOT NULL,
  role TEXT NOT NULL,
  action TEXT NOT NULL,
  target TEXT NOT NULL,
  outcome TEXT NOT NULL,
  facts TEXT NOT NULL
);
CREATE TRIGGER IF NOT EXISTS audit_stays BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit trail is append only'); END;
CREATE TRIGGER IF NOT EXISTS audit_is_kept BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit trail is append only'); END;
