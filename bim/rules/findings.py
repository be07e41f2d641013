"""Rules that a file breaks, as findings of its delivery: one a rule, its place the first breach.

Code ``ifc_rule_<rule>``; facts: ``count``, ``samples`` (GUIDs, else lines) and ``seen``, what
stands at the first breach. Texts in identity/texts/bim.json.
"""

from typing import Any

from bim.extract_entities import MALFORMED
from bim.extract_guids import SAMPLES
from bim.rows import Finding, Severity
from bim.rules.case import Case
from bim.rules.table import RULES, run
from bim.rules.verdict import Fault, Outcome, Verdict

# Said by findings of their own (IFC101: ifc_schema_alias), no fault (GRF000), or dearer than the
# whole extraction for what no city needs (IFC105, IFC106: a large model's unused points).
LEFT_OUT = frozenset({"IFC101", "IFC105", "IFC106", "GRF000"})
INTAKE = tuple(code for code, entry in RULES.items() if entry.served and code not in LEFT_OUT)


def findings(model: Any) -> list[Finding]:
    """Return a finding for each rule of INTAKE that an open model breaks, in the table's order."""
    case, found = Case(model, str(model.schema_identifier)), []
    for code in INTAKE:
        try:
            outcome = run(case, [code])[code]
        except MALFORMED as failure:
            said = {"step_id": None, "reason": f"{code}: {failure}"}
            found.append(Finding("ifc_malformed", Severity.WARNING, said))
            continue
        if outcome.verdict is Verdict.FAIL:
            found.append(_finding(code, outcome))
    return found


def _finding(code: str, outcome: Outcome) -> Finding:
    first = outcome.faults[0]
    samples = [_name(fault) for fault in outcome.faults[:SAMPLES]]
    facts = {"count": outcome.fault_count, "samples": samples, "seen": first.seen}
    severity = RULES[code].severity
    return Finding(f"ifc_rule_{code.lower()}", severity, facts, first.guid, first.step_id)


def _name(fault: Fault) -> str:
    return fault.guid or (f"#{fault.step_id}" if fault.step_id else fault.seen)
