-- From layout 2 to 3: the index of aliases by code holds what is asked of them.
DROP INDEX aliases_code;
CREATE INDEX aliases_code ON aliases (code, g_from, g_to, source, confidence);

PRAGMA user_version = 3;
