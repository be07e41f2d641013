"""From what people say of devices to bindings: targets looked up, places answered with candidates.

said → checked → target resolved → bound (or proposed) in one activation → what waited is adopted
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cim.device import SCHEME
from cim.heights import CityHeights
from cim.model import Verb
from identity.errors import CityError, Invalid, NotFound
from sensors import bindings, targets
from sensors.bindings import Bind
from sensors.register import Register, confirmable, one, row_of
from sensors.targets import Target


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person says of one device: the binding without its target, and the target."""

    bind: Bind
    target: Target


@dataclass(frozen=True, slots=True)
class Registering:
    """Changes the register. ``clock``: Unix seconds; ``region``: of new sensors' codes.

    ``who`` stands in the history of every sensor that is changed. ``city``: what heights are.
    """

    register: Register
    clock: Callable[[], float]
    region: str
    who: str = ""
    wait_s: float = bindings.LEASE_WAIT_S
    city: CityHeights = field(default_factory=CityHeights)

    async def prepare(self, asked: Sequence[Asked]) -> list[Bind | CityError]:
        """Return the bindings, or why there is none, in order; nothing is written.

        A device that is known may be said without a target: it stays where it is.
        """
        graph, codes = self.register.graph, self.register.codes
        g = (await graph.head()).generation
        found = await targets.resolve(graph, codes, g, [one.target for one in asked])
        names = sorted({one.bind.device for one in asked})
        known = await codes.resolve(g, names, scheme=SCHEME) if names else {}
        held = {(alias.scope, alias.value) for rows in known.values() for alias in rows}
        return [
            await self._binding(g, one, code, one.bind.key() in held)
            for one, code in zip(asked, found, strict=True)
        ]

    async def bind(self, asked: Asked) -> dict[str, Any]:
        """Bind one device; returns its row. Raises what ``prepare`` says of it."""
        (ready,) = await self.prepare([asked])
        if isinstance(ready, CityError):
            raise ready
        return (await self.bind_many([ready]))[0]

    async def bind_many(self, ready: Sequence[Bind]) -> list[dict[str, Any]]:
        """Bind what was prepared, in one activation."""
        register = self.register
        return await bindings.bind_many(
            register.graph,
            register.codes,
            self.clock,
            self.region,
            ready,
            who=self.who,
            wait_s=self.wait_s,
            city=self.city,
        )

    async def confirm(self, device: str, tenant: str, code: str) -> dict[str, Any]:
        """Bind a proposed device to one of its candidates; returns its row.

        Raises NotFound("device_unknown"), Conflict("device_bound"), Conflict("candidate_unknown").
        """
        g = (await self.register.graph.head()).generation
        row = await one(self.register, g, device, tenant, self.clock())
        confirmable(row, code)
        again = Bind(device, code, tenant=tenant, name=row["name"])
        return (await self.bind_many([_as_it_was(again, row)]))[0]

    async def unbind(self, device: str, tenant: str) -> dict[str, Any]:
        """End a device's sensor; returns its row. NotFound("device_unknown")."""
        register = self.register
        return await bindings.unbind(
            register.graph,
            register.codes,
            device=device,
            tenant=tenant,
            who=self.who,
            wait_s=self.wait_s,
        )

    async def undo(self, device: str, tenant: str) -> dict[str, Any]:
        """Bind an unbound device again to what it observed, under its old code; returns its row.

        Raises NotFound("device_unknown") where it was never unbound.
        """
        graph, codes = self.register.graph, self.register.codes
        g = (await graph.head()).generation
        found = await codes.resolve(g, [device], scheme=SCHEME, scope=tenant, retired=True)
        ended = [alias for alias in found.get(device, ()) if alias.retired]
        facts = await graph.history(g, ended[-1].code, limit=1) if ended else []
        if not facts or facts[0].g_to is None:
            raise NotFound("device_unknown", device=device)
        then, sensor = facts[0].g_to - 1, facts[0].entity
        watched = await graph.relations(then, [sensor.code], [Verb.OBSERVES])
        row = row_of(device, tenant, sensor, watched[0].target if watched else None)
        again = Bind(device, row["code"] or "", tenant=tenant, candidates=tuple(row["candidates"]))
        return (await self.bind_many([_as_it_was(again, row, row["source"])]))[0]

    async def _binding(
        self,
        g: int,
        asked: Asked,
        code: str | CityError,
        known: bool,  # noqa: FBT001 - a fact
    ) -> Bind | CityError:
        try:
            bindings.check(asked.bind)
            if isinstance(code, CityError):
                return code
            if code:
                return replace(asked.bind, code=code)
            return await self._proposed(g, asked, known=known)
        except CityError as refused:
            return refused

    async def _proposed(self, g: int, asked: Asked, *, known: bool) -> Bind:
        place = asked.target.place
        if place is None:
            if not known:
                raise Invalid("target_missing")
            return asked.bind
        near = await targets.candidates(self.register.graph, g, place)
        return replace(asked.bind, position=place, candidates=near)


def _as_it_was(bind: Bind, row: dict[str, Any], source: str = "") -> Bind:
    """Return a binding that leaves the facts of the sensor as its row tells them."""
    name = row["property"] or ""
    channel = row["channels"].get(name, {})
    return replace(
        bind,
        property=name,
        unit=channel.get("unit", "") or row["unit"] or "",
        interval_s=channel.get("interval_s", row["interval_s"]),
        low=channel.get("low"),
        high=channel.get("high"),
        owner=row["owner"] or "",
        source=source,
    )
