"""The rules by their codes: what is run, and on which schemas.

``served``: buildingSMART runs it; the others are written down there but switched off.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bim.rows import Severity
from bim.rules import georeference, schema, spatial
from bim.rules.case import Case
from bim.rules.verdict import Outcome, Rule, Verdict, judge

_ALL = frozenset({"IFC2X3", "IFC4", "IFC4X3"})
_IFC4 = frozenset({"IFC4", "IFC4X3"})
_IFC4X3 = frozenset({"IFC4X3"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One rule: its function, where it applies, how bad a breach is; texts: ``ifc_rule_<rule>``."""

    rule: Rule
    schemas: frozenset[str]
    severity: Severity = Severity.WARNING
    served: bool = True


RULES: Mapping[str, Entry] = MappingProxyType(
    {
        "IFC101": Entry(schema.ifc101, _ALL),
        "IFC102": Entry(schema.ifc102, _ALL),
        "IFC105": Entry(schema.ifc105, _ALL),
        "IFC106": Entry(schema.ifc105, _ALL, Severity.INFO),
        "GRF000": Entry(georeference.grf000, _IFC4),
        "GRF001": Entry(georeference.grf001, _IFC4X3),
        "GRF002": Entry(georeference.grf002, _IFC4X3, served=False),
        "GRF003": Entry(georeference.grf003, _IFC4),
        "GRF004": Entry(georeference.grf004, _IFC4),
        "GRF005": Entry(georeference.grf005, _IFC4),
        "GRF006": Entry(georeference.grf006, _IFC4X3),
        "GRF007": Entry(georeference.grf007, _IFC4),
        "GRF008": Entry(georeference.grf008, _IFC4),
        "SPS001": Entry(spatial.sps001, frozenset({"IFC2X3"})),
        "SPS002": Entry(spatial.sps002, _IFC4),
        "SPS003": Entry(spatial.sps003, _ALL),
        "SPS004": Entry(spatial.sps004, _IFC4X3, served=False),
        "SPS005": Entry(spatial.sps005, _ALL),
        "SPS006": Entry(spatial.sps006, _IFC4X3, served=False),
        "SPS007": Entry(spatial.sps007, _ALL),
        "SPS008": Entry(spatial.sps008, _ALL, Severity.INFO),
    }
)


def run(case: Case, codes: Iterable[str] = RULES) -> dict[str, Outcome]:
    """Return the outcome of each rule named; a schema that a rule does not know is NA."""
    return {code: _run(RULES[code], case) for code in codes}


def _run(entry: Entry, case: Case) -> Outcome:
    if case.family not in entry.schemas:
        return Outcome(Verdict.NA)
    return judge(entry.rule(case))
