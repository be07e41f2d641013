"""History in sorted Parquet files: written and read back by pyarrow, summed up by DuckDB.

Only where the extra ``history`` is installed. Files are written once, never changed, and belong to
the city when the catalogue of their store names them (twin/stores/sqlite_cold.py).
"""

from importlib.util import find_spec


def here() -> bool:
    """Return whether the parts that cold history needs are installed."""
    return all(find_spec(name) is not None for name in ("duckdb", "pyarrow"))
