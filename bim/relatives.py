"""What other deliveries know of the same GUIDs: said as findings, never joined in silence."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import msgspec

from bim.door import Receipt, Stores
from bim.rows import Finding, Severity
from cim import batches
from cim.delivery_devices import TAKEN
from cim.delivery_match import Identified, report
from cim.device import Device, Note
from cim.merge import Incoming
from cim.model import Kind, Verb
from cim.ports import LOOKUP_LIMIT

SAMPLE = 5  # examples named in a finding about many things
SHARED = {Kind.PROJECT, Kind.SITE, Kind.BUILDING, Kind.STOREY, Kind.FACILITY, Kind.ADDRESS}
"""Kinds that documents of one project share by design."""


async def findings(stores: Stores, receipt: Receipt, incoming: Sequence[Incoming]) -> list[Finding]:
    """Return what a person should know about GUIDs of this delivery that are known already."""
    g = (await stores.graph.head()).generation
    return [
        *await _perhaps_part_of(stores, g, receipt, incoming),
        *await _in_two_documents(stores, g, receipt, incoming),
    ]


async def _perhaps_part_of(
    stores: Stores, g: int, receipt: Receipt, incoming: Sequence[Incoming]
) -> list[Finding]:
    """Find building and storey GUIDs of other projects (templates repeat GUIDs)."""
    keys = [i.key for i in incoming if i.kind in {Kind.BUILDING, Kind.STOREY}]
    projects: dict[str, str] = {}
    for piece in batches.pieces(keys, LOOKUP_LIMIT):
        known = await stores.codes.resolve(g, piece, scheme="ifc_guid")
        projects |= {a.scope: key for key, rows in known.items() for a in rows}
    projects.pop(receipt.project, None)
    if not projects:
        return []
    facts = {"projects": sorted(projects)[:SAMPLE], "count": len(projects)}
    guid = projects[min(projects)]
    return [Finding("perhaps_part_of", Severity.WARNING, facts, guid=guid)]


async def _in_two_documents(
    stores: Stores, g: int, receipt: Receipt, incoming: Sequence[Incoming]
) -> list[Finding]:
    """Find product GUIDs that another document of the project delivers too."""
    keys = [i.key for i in incoming if i.kind not in SHARED]
    known = await batches.codes_of(stores.codes, g, keys, "ifc_guid", receipt.project)
    by_code = {code: key for key, code in known.items()}
    held = await batches.relations(stores.graph, g, list(by_code), Verb.DELIVERED_IN)
    twice = {by_code[r.source]: r.target for r in held if r.target != receipt.model}
    if not twice:
        return []
    facts = {"count": len(twice), "guids": sorted(twice)[:SAMPLE], "document": min(twice.values())}
    return [Finding("guid_in_two_documents", Severity.WARNING, facts, guid=min(twice))]


async def told(
    stores: Stores, who: Identified, notes: Sequence[Note], findings: list[Finding]
) -> dict[str, Any]:
    """Keep what a version says of itself: its findings, and how its things were recognised."""
    findings += [*rematched(who), *unbound(notes)]
    kept = msgspec.json.encode([asdict(finding) for finding in findings])
    facts = {"findings": await stores.blobs.put(kept), "findings_count": len(findings)}
    if not who.matches and not who.few:
        return facts
    return facts | {"matches": await stores.blobs.put(msgspec.json.encode(report(who)))}


def unbound(notes: Sequence[Note]) -> list[Finding]:
    """Return why devices were not bound, one finding for each reason."""
    found: dict[str, list[Device]] = {}
    for note in notes:
        found.setdefault(note.code, []).append(note.device)
    return [
        Finding(
            code,
            Severity.WARNING if code == TAKEN else Severity.INFO,
            {"count": len(devices), "samples": [device.device for device in devices[:SAMPLE]]},
            guid=devices[0].key,
        )
        for code, devices in found.items()
    ]


def rematched(who: Identified) -> list[Finding]:
    """Return how many things came under new GUIDs, and what could not be recognised."""
    if not who.matches and not who.few:
        return []
    said = [Finding("rematched", Severity.INFO, {"count": len(who.matches)})]
    new = [item.key for item in who.unmatched_new]
    old = [holding.code for holding in who.unmatched_old]
    for code, names in (("unmatched_new", new), ("unmatched_old", old)):
        if names:
            facts: Mapping[str, Any] = {"count": len(names), "samples": sorted(names)[:SAMPLE]}
            said.append(Finding(code, Severity.INFO, facts))
    return said
