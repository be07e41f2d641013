"""The door for files: which project and document an upload belongs to, and why.

A project holds documents, versions belong to a document, GUIDs are scoped by project
(ARCHITECTURE §5). Nothing is parsed here: GUIDs are found by a scan over the bytes.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bim.normalise import product_guids
from cim import batches
from cim.model import Entity, Kind, Verb
from cim.moment import check_order
from cim.placement import given
from cim.ports import Blobs, Filter, Graph
from identity import code as uic
from identity.errors import Invalid, NotFound
from identity.ports import Codes
from identity.schemes import refuse

SAME_SHARE_MIN = 0.5  # of an upload's product GUIDs in one document: it is that document
NAME_CHARS_MAX = 200
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Stores:
    """The three ports an import needs."""

    graph: Graph
    codes: Codes
    blobs: Blobs


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the door answered. ``version`` is set when these very bytes are the current version.

    ``id`` is the same for the same bytes on the same state of the document, so that an upload sent
    twice is one job. ``why`` is a text code with ``why_facts``.
    """

    id: str
    model: str
    project: str
    project_name: str
    document_name: str
    why: str
    sha256: str
    filename: str
    region: str
    base_version: int
    version: int | None = None
    placement: Mapping[str, Any] | None = None
    why_facts: Mapping[str, Any] = field(default_factory=dict)
    valid_from: float | None = None


@dataclass(frozen=True, slots=True)
class _Choice:
    project: str
    project_name: str
    document_name: str
    why: str
    facts: Mapping[str, Any] = field(default_factory=dict)


async def receive(
    stores: Stores,
    path: Path,
    *,
    filename: str,
    project: str | None = None,
    document: str | None = None,
    placement: Mapping[str, Any] | None = None,
    region: str = uic.REGION,
    valid_from: float | None = None,
) -> Receipt:
    """Take a finished upload at ``path`` (moved into the blobs) and say what it is.

    ``valid_from``: the delivery date (Unix seconds). Raises Invalid("ifc_empty",
    "placement_invalid", "name_invalid"), Conflict("delivery_out_of_order") before anything is kept.
    """
    size, sha256 = await asyncio.to_thread(_measure, path)
    if size == 0:
        raise Invalid("ifc_empty", filename=filename)
    checked = given(placement).as_dict() if placement is not None else None
    for name in (project, document):
        _check_name(name)
    guids = await asyncio.to_thread(product_guids, path)
    g = (await stores.graph.head()).generation
    choice = await _choose(stores, g, Path(filename).stem, guids, project, document, region)
    model = await _code(
        stores.codes, region, Kind.DOCUMENT, f"document:{choice.project}:{choice.document_name}"
    )
    current = await stores.graph.entities(g, [model])
    facts = current[0].properties if current else {}
    same = facts.get("sha256") == sha256 and not facts.get("withdrawn")
    if not same:
        await check_order(stores.graph, g, current[0] if current else None, valid_from)
    await stores.blobs.adopt(path, sha256)
    version = int(facts.get("version", 0))
    return Receipt(
        id=_receipt_id(model, sha256, version, bool(facts.get("withdrawn"))),
        model=model,
        project=choice.project,
        project_name=choice.project_name,
        document_name=choice.document_name,
        why=choice.why,
        why_facts=choice.facts,
        sha256=sha256,
        filename=filename,
        region=region,
        base_version=version,
        version=version if same else None,
        placement=checked,
        valid_from=valid_from,
    )


async def _choose(  # noqa: PLR0917 - the facts a choice rests on
    stores: Stores,
    g: int,
    stem: str,
    guids: Collection[str],
    project: str | None,
    document: str | None,
    region: str,
) -> _Choice:
    if project and document:
        code, name = await _project(stores, g, project, region)
        known = await _document(stores, g, document)
        return _Choice(code, name, known.name if known else document, "why_given")
    if document:
        return await _of_document(stores, g, document, stem, region)
    scope = (await _project(stores, g, project, region))[0] if project else None
    best = await _overlap(stores, g, guids, scope)
    if best is not None:
        return best
    if project:
        code, name = await _project(stores, g, project, region)
        return _Choice(code, name, await _free_name(stores, g, code, stem), "why_new_document")
    return await _new_project(stores, g, stem, stem, region)


async def _of_document(stores: Stores, g: int, document: str, stem: str, region: str) -> _Choice:
    """Find the document named alone: known by its code, or the first of a new project."""
    known = await _document(stores, g, document)
    if known is None:
        return await _new_project(stores, g, stem, document, region)
    owner = (await stores.graph.entities(g, [known.properties["project"]]))[0]
    return _Choice(owner.code, owner.name, known.name, "why_given")


async def _project(stores: Stores, g: int, text: str, region: str) -> tuple[str, str]:
    """Return (code, name) of the project named or coded; a new name gets a code for ever."""
    if _is_code(text):
        found = await stores.graph.entities(g, [text])
        if not found or found[0].kind is not Kind.PROJECT:
            raise NotFound("project_unknown", project=text)
        return text, found[0].name
    return await _code(stores.codes, region, Kind.PROJECT, f"project:{text}"), text


async def _document(stores: Stores, g: int, text: str) -> Entity | None:
    if not _is_code(text):
        return None
    found = await stores.graph.entities(g, [text])
    if not found or found[0].kind is not Kind.DOCUMENT:
        raise NotFound("model_unknown", model=text)
    return found[0]


async def _overlap(
    stores: Stores, g: int, guids: Collection[str], scope: str | None
) -> _Choice | None:
    """Return the document that holds at least half of the GUIDs, if there is one."""
    held: Counter[str] = Counter()
    for piece in batches.pieces(sorted(guids), batches.RELATION_CODES):
        aliases = await stores.codes.resolve(g, piece, scheme="ifc_guid", scope=scope)
        codes = sorted({alias.code for rows in aliases.values() for alias in rows})
        found = await stores.graph.relations(g, codes, [Verb.DELIVERED_IN])
        keys = {(r.target, r.properties["key"]) for r in found}
        held.update(document for document, key in keys if key in aliases)
    if not held:
        return None
    document, count = min(held.items(), key=lambda row: (-row[1], row[0]))
    share = count / len(guids)
    if share < SAME_SHARE_MIN:
        return None
    known, owner = await _pair(stores, g, document)
    facts = {"share": round(share, 3), "document": known.name}
    return _Choice(owner.code, owner.name, known.name, "why_same_guids", facts)


async def _pair(stores: Stores, g: int, document: str) -> tuple[Entity, Entity]:
    known = (await stores.graph.entities(g, [document]))[0]
    owner = (await stores.graph.entities(g, [known.properties["project"]]))[0]
    return known, owner


async def _new_project(stores: Stores, g: int, stem: str, document: str, region: str) -> _Choice:
    taken = await stores.codes.resolve(g, [stem], scheme="project", scope="")
    number = 2
    name = stem
    while taken:
        name = f"{stem} ({number})"
        taken = await stores.codes.resolve(g, [name], scheme="project", scope="")
        number += 1
    code = await _code(stores.codes, region, Kind.PROJECT, f"project:{name}")
    return _Choice(code, name, document, "why_new_project")


async def _free_name(stores: Stores, g: int, project: str, stem: str) -> str:
    """Return a document name no other document of the project has."""
    where = Filter(kinds=(Kind.DOCUMENT,), properties={"project": project})
    page = await stores.graph.find(g, where, limit=1_000)
    taken = {entity.name for entity in page.items}
    name, number = stem, 2
    while name in taken:
        name, number = f"{stem} ({number})", number + 1
    return name


async def _code(codes: Codes, region: str, kind: Kind, owner: str) -> str:
    """Return the code reserved for ``owner``: the same for ever, also before it is visible."""
    prefix = uic.prefix(region, kind)
    return uic.issue(prefix, (await codes.reserve(prefix, 1, owner))[0])


def _is_code(text: str) -> bool:
    try:
        uic.parse(text)
    except Invalid:
        return False
    return True


def _receipt_id(model: str, sha256: str, version: int, withdrawn: bool) -> str:  # noqa: FBT001 - a fact of the state, not a switch
    said = f"{model}|{sha256}|{version}|{withdrawn}"
    return hashlib.sha256(said.encode()).hexdigest()[:26]


def _check_name(name: str | None) -> None:
    if name is not None:
        refuse(name)
    if name is not None and (not name.strip() or len(name) > NAME_CHARS_MAX):
        raise Invalid("name_invalid", name=name[:40], length_max=NAME_CHARS_MAX)


def _measure(path: Path) -> tuple[int, str]:
    """Return length in bytes and SHA-256."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return path.stat().st_size, digest.hexdigest()
