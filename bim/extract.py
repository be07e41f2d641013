"""IFC file → rows, as one call in a child process; what it wrote is loaded by the parent.

The parent imports this module, so the parser is imported only where it runs.
"""

from collections import Counter
from pathlib import Path

import msgspec

from bim import hazards
from bim.rows import Extract


def extract_file(path: str, out: str) -> dict[str, int]:
    """Read the normalised IFC at ``path``, write an Extract as msgpack to ``out``, return counts.

    Counts: rows by role, ``rows``, ``findings``, ``psets`` and ``quantities`` (sets on rows),
    ``statements``. Raises Invalid: ``ifc_hazard`` (before the parser sees the file),
    ``ifc_unreadable``, ``ifc_no_project``, ``ifc_no_products``.
    """
    scan = hazards.check(Path(path))
    from bim.extract_rows import opened, read  # the parser: hundreds of MB of library

    extract = read(opened(path), scan)
    Path(out).write_bytes(msgspec.msgpack.encode(extract))
    return {
        **Counter(row.role.value for row in extract.rows),
        "rows": len(extract.rows),
        "psets": sum(len(row.psets) for row in extract.rows),
        "quantities": sum(len(row.quantities) for row in extract.rows),
        "findings": len(extract.findings),
        "statements": scan.statements,
    }


def load(out: str | Path) -> Extract:
    """Return the Extract that ``extract_file`` wrote."""
    return msgspec.msgpack.decode(Path(out).read_bytes(), type=Extract)
