"""The schema and the named statements of the SQLite graph, read from the .sql files beside."""

import re
from importlib.resources import files

_NAMED = re.compile(r"^-- name: (\w+)\n(.*?);\n", re.MULTILINE | re.DOTALL)


def _text(name: str) -> str:
    return files("cim.stores").joinpath(name).read_text(encoding="utf-8")


SCHEMA = _text("sqlite_schema.sql")
SCHEMA_VERSION = 2
UPGRADES = {1: _text("sqlite_upgrade_1.sql")}
"""What makes the tables of a version those of the next."""
SQL: dict[str, str] = dict(_NAMED.findall(_text("sqlite_queries.sql")))
"""Statement by name."""
