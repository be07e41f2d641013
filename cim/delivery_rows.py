"""The rows one delivery writes: entities, relations, aliases, tiles, and what ends."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from typing import Any

from cim import heights
from cim.device import Device
from cim.merge import Holding, Incoming, Traits
from cim.model import Entity, Kind, Lifecycle, Relation, Tile, Verb
from cim.placement import Placement, Position, positions
from identity.ports import Alias


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one document delivers. ``receipt`` names the upload: the same again changes nothing.

    ``valid_from``: since when it is true (Unix seconds); None: since it is activated.
    """

    receipt: str
    project: str
    project_name: str
    document: str
    document_name: str
    region: str
    sha256: str
    incoming: Sequence[Incoming]
    placement: Placement
    facts: Mapping[str, Any] = field(default_factory=dict)
    valid_from: float | None = None
    devices: Sequence[Device] = ()


def holdings_of(relations: Iterable[Relation]) -> dict[str, Holding]:
    """Read DELIVERED_IN relations back; the inverse of ``holding_of``."""
    return {r.properties["key"]: _holding(r.source, r.properties) for r in relations}


def _holding(code: str, said: Mapping[str, Any]) -> Holding:
    kind, *traits = said.get("traits") or [None]
    return Holding(
        code,
        said["key"],
        said["digest"],
        tuple(said["box_m"]) if said.get("box_m") else None,
        bool(said.get("own_shape")),
        Traits(Kind(kind), *traits) if kind is not None else None,
    )


def holding_of(item: Incoming, document: str, issued: Mapping[str, str]) -> Relation:
    """Return the DELIVERED_IN relation that says what the document holds."""
    said = {
        "key": item.key,
        "digest": item.digest,
        "box_m": list(item.box_m) if item.box_m else None,
        "own_shape": item.own_shape,
    }
    traits = coded(item.traits, issued)
    if traits is not None:
        said["traits"] = list(astuple(traits))
    return Relation(Verb.DELIVERED_IN, issued[item.key], document, said)


def coded(traits: Traits | None, issued: Mapping[str, str]) -> Traits | None:
    """Return the traits with storey and parent named by code (by key where there is none yet)."""
    if traits is None:
        return None
    storey, parent = traits.storey, traits.parent
    return replace(traits, storey=issued.get(storey, storey), parent=issued.get(parent, parent))


def holding_codes(said: Mapping[str, Any], renamed: Mapping[str, str]) -> dict[str, Any]:
    """Return a holding's properties with the codes in its traits renamed."""
    if not said.get("traits"):
        return dict(said)
    *own, storey, parent = said["traits"]
    traits = [*own, renamed.get(storey, storey), renamed.get(parent, parent)]
    return {**said, "traits": traits}


def located(entity: Entity, position: Position | None, height: Mapping[str, Any]) -> Entity:
    """Return the entity at a position (or nowhere), with its grid code.

    ``height``: what is kept with its height (``Placement.heights``).
    """
    said = {k: v for k, v in entity.properties.items() if k not in heights.KEPT}
    if position is None:
        return replace(
            entity, lon=None, lat=None, height_m=None, box=None, grid2d=None, properties=said
        )
    return replace(
        entity,
        lon=position.lon,
        lat=position.lat,
        height_m=position.height_m,
        box=position.box,
        grid2d=position.grid2d,
        properties={**said, **height},
    )


@dataclass(slots=True)
class Rows:
    """Collects rows; ``lists`` gives them by the fields of ``cim.ports.Batch``."""

    document: str
    project: str
    placement: Placement
    delivery: Delivery | None = None
    issued: Mapping[str, str] = field(default_factory=dict)
    _lists: dict[str, list[Any]] = field(default_factory=dict)

    def lists(self) -> dict[str, list[Any]]:
        """Return the rows; ends stand before puts, so that a replaced row is closed first."""
        order = sorted(self._lists, key=lambda name: not name.startswith("end_"))
        return {name: self._lists[name] for name in order}

    def further(self, lists: Mapping[str, Sequence[Any]]) -> None:
        """Write rows that are made elsewhere, by the fields of a Batch."""
        for name, items in lists.items():
            self._put(name, *items)

    def _put(self, name: str, *items: Any) -> None:
        self._lists.setdefault(name, []).extend(items)

    def added(self, items: Sequence[Incoming], stored: Mapping[str, Entity]) -> None:
        """Write what is new to this document; what another one brought already keeps its facts.

        It comes to stand in this document's site, too: they may be of two projects.
        """
        fresh = [i for i in items if self.issued[i.key] not in stored]
        self._entities(fresh, stored)
        shared = [i for i in items if i.root is None and self.issued[i.key] in stored]
        self._put("relations", *[join for i in shared for join in self._joins(i)])
        for item in items:
            code = self.issued[item.key]
            scope = "" if item.citywide else self.project
            alias = Alias(item.scheme, scope, item.key, code, source=self.document)
            self._put("aliases", alias)
            self._put("relations", holding_of(item, self.document, self.issued))

    def changed(self, items: Sequence[Incoming], stored: Mapping[str, Entity]) -> None:
        """Write what changed in this document: its facts are the newest."""
        self._entities(items, stored)
        for item in items:
            self._put("relations", holding_of(item, self.document, self.issued))

    def moved(self, items: Sequence[Incoming], stored: Mapping[str, Entity]) -> None:
        """Write what only lies elsewhere: facts are rewritten where they are this document's."""
        self._entities([i for i in items if self._mine(stored.get(self.issued[i.key]))], stored)
        for item in items:
            self._put("relations", holding_of(item, self.document, self.issued))

    def rekeyed(
        self, former: Mapping[str, Holding], elsewhere: Collection[tuple[str, str]]
    ) -> None:
        """Name matched things by their new keys; the old key stays where another document uses it.

        ``former``: new key -> what was held; ``elsewhere``: (code, key) that other documents hold.
        """
        for key, holding in former.items():
            self._put("aliases", Alias("ifc_guid", self.project, key, holding.code, self.document))
            if (holding.code, holding.key) not in elsewhere:
                self._put("end_aliases", ("ifc_guid", self.project, holding.key))

    def moved_entities(self, stored: Mapping[str, Entity], held: Iterable[Holding]) -> None:
        """Put stored entities of this document to where the placement says."""
        mine = [h for h in held if self._mine(stored.get(h.code))]
        places = positions([h.box_m for h in mine], self.placement)
        height = self.placement.heights()
        for holding, position in zip(mine, places, strict=True):
            self._put("entities", located(stored[holding.code], position, height))

    def left_parents(
        self, contains: Iterable[Relation], at: Iterable[Relation], held: Collection[str]
    ) -> None:
        """End the relations that changed things no longer have.

        Those to what this document does not hold were said by others and stay.
        """
        now = {(r.verb, r.source, r.target) for r in self._lists.get("relations", ())}
        ends = [(r, r.source) for r in contains] + [(r, r.target) for r in at]
        for relation, other in ends:
            key = (relation.verb, relation.source, relation.target)
            if key not in now and other in held:
                self._put("end_relations", key)

    def ended(
        self,
        gone: Sequence[Holding],
        others: Collection[str],
        contains: Iterable[Relation],
        at: Iterable[Relation],
    ) -> None:
        """End holdings, and the entities that nobody else holds with their relations."""
        dead = {h.code for h in gone if h.code not in others and h.code != self.project}
        for holding in gone:
            self._put("end_relations", (Verb.DELIVERED_IN, holding.code, self.document))
            if holding.code in dead:
                self._put("end_entities", holding.code)
                self._put("end_aliases", *self._alias_keys(holding))
        for relation in (*contains, *at):
            if relation.source in dead or relation.target in dead:
                self._put("end_relations", (relation.verb, relation.source, relation.target))

    def version(self, model: str, result: Mapping[str, Any], before: Entity | None) -> None:
        """Write the Document's entity and the Model entity of this version."""
        assert self.delivery is not None
        said = self.delivery
        shared = {
            "document": self.document,
            "project": self.project,
            "version": result["version"],
            "sha256": said.sha256,
            "placement": self.placement.as_dict(),
            **said.facts,
        }
        if said.valid_from is not None:
            shared["valid_from"] = said.valid_from
        name = f"{said.document_name} v{result['version']}"
        self._put(
            "entities",
            Entity(model, Kind.MODEL, name, properties={**shared, "result": dict(result)}),
        )
        counts = {name: n for name, n in result.items() if isinstance(n, int) and name != "version"}
        head = {**shared, "model": model, "receipt": said.receipt, "code": result["code"]}
        head["counts"] = counts
        self._put(
            "entities", Entity(self.document, Kind.DOCUMENT, said.document_name, properties=head)
        )
        if before is None:
            self._put("aliases", Alias("document", self.project, said.document_name, self.document))
            self._put("aliases", Alias("project", "", said.project_name, self.project))
        elif before.properties.get("model"):
            self._put("relations", Relation(Verb.REPLACES, model, before.properties["model"]))

    def document_changed(self, document: Entity | None, **facts: Any) -> None:
        """Rewrite facts of the Document's entity."""
        assert document is not None
        lifecycle = Lifecycle.GONE if facts.get("withdrawn") else document.lifecycle
        properties = {**document.properties, **facts}
        self._put("entities", replace(document, lifecycle=lifecycle, properties=properties))

    def tiles(self, tiles: Sequence[Tile], standing: Iterable[Tile]) -> None:
        """Put this version's tiles and end those of the document that it no longer has."""
        now = {t.root for t in tiles}
        self._put("tiles", *tiles)
        ended = [t for t in standing if t.document == self.document and t.root not in now]
        self._put("end_tiles", *[(t.root, t.document) for t in ended])

    def placed_tiles(self, tiles: Sequence[Tile]) -> None:
        """Put standing tiles to where the placement says; their content stays."""
        self._put("tiles", *[replace(t, transform=self.placement.transform()) for t in tiles])

    def _mine(self, entity: Entity | None) -> bool:
        return entity is not None and entity.properties.get("document") == self.document

    def _alias_keys(self, holding: Holding) -> list[tuple[str, str, str]]:
        """Name both lineages: ending an unknown key is a no-op."""
        return [("ifc_guid", self.project, holding.key), ("address", "", holding.key)]

    def _entities(self, items: Sequence[Incoming], stored: Mapping[str, Entity]) -> None:
        places = positions([i.box_m for i in items], self.placement)
        height = self.placement.heights()
        for item, position in zip(items, places, strict=True):
            entity = self._entity(item, stored.get(self.issued[item.key]))
            self._put("entities", located(entity, position, height))
            self._put("relations", *self._joins(item))

    def _entity(self, item: Incoming, before: Entity | None) -> Entity:
        """Return the thing as delivered; where it stands in its life is said elsewhere and kept."""
        properties = dict(item.properties) | {"document": self.document}
        if item.storey is not None:
            properties["storey"] = self.issued[item.storey]
        name = item.name
        if item.kind is Kind.PROJECT and self.delivery is not None:
            name = self.delivery.project_name or item.name
        lifecycle = Lifecycle.IN_USE if before is None else before.lifecycle
        return Entity(self.issued[item.key], item.kind, name, lifecycle, properties=properties)

    def _joins(self, item: Incoming) -> list[Relation]:
        code = self.issued[item.key]
        joins = []
        if item.parent is not None:
            joins.append(Relation(Verb.CONTAINS, self.issued[item.parent], code))
        if item.address is not None:
            joins.append(Relation(Verb.LOCATED_AT, code, self.issued[item.address]))
        return joins


def address_of(text: str) -> Incoming:
    """Return the Address a text names; parsed and matched to the standard address later."""
    facts = {"text": text, "matched": False}
    return Incoming(
        text, Kind.ADDRESS, text, name=text, scheme="address", citywide=True, properties=facts
    )
