"""Entry points of the intake's children: JSON in, JSON out."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bim.normalise import normalise
from bim.rows import Finding, Severity


def normalise_file(source: str, target: str) -> dict[str, Any]:
    """Run ``bim.normalise.normalise``; return its findings and the schema the file declared."""
    said = normalise(Path(source), Path(target))
    return {
        "declared_schema": said.declared_schema,
        "findings": [asdict(finding) for finding in said.findings],
    }


def finding(fields: Mapping[str, Any]) -> Finding:
    """Return a Finding from its plain fields."""
    return Finding(**{**fields, "severity": Severity(fields["severity"])})
