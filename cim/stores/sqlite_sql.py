"""The schema and the named statements of the SQLite graph, read from the .sql files beside."""

import re
from importlib.resources import files

_NAMED = re.compile(r"^-- name: (\w+)\n(.*?);\n", re.MULTILINE | re.DOTALL)


def _text(name: str) -> str:
    return files("cim.stores").joinpath(name).read_text(encoding="utf-8")


SCHEMA = _text("sqlite_schema.sql")
SCHEMA_VERSION = 3
UPGRADES = {version: _text(f"sqlite_upgrade_{version}.sql") for version in range(1, SCHEMA_VERSION)}
"""What makes the tables of a version those of the next."""
SQL: dict[str, str] = dict(_NAMED.findall(_text("sqlite_queries.sql")))
"""Statement by name."""
