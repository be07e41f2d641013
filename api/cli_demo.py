"""The demo district, made the way every city is made: uploads, jobs, bindings, MQTT.

write the models → receive and queue → wait → bind 200 devices beside those that stand in the models
→ some history → publish for ever
"""

import asyncio
import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from api.cli_words import announcement, demo_lines
from api.jobs import queue_import
from api.services import Door, Services
from api.settings import Settings
from api.work import work_folder
from bim.demo import DemoModel, district
from bim.door import receive
from bim.translate_devices import SOURCE as IFC
from cim.device import SOURCE
from cim.model import Entity, Kind
from cim.ports import Filter
from identity.errors import Conflict, Unavailable
from sensors import simulate
from sensors.bindings import Bind, bind_many
from sensors.lookup import read_bindings
from sensors.simulate_client import publish
from twin.ports import COMMIT_READINGS, Job
from twin.times import rfc3339

RATE_PER_S = 20.0  # messages a second: each of 200 devices about every ten seconds
HISTORY_S = 6 * 3600.0  # made up backwards, so that the first curve is not empty
HISTORY_STEP_S = 900.0
POLL_S = 0.2
WATCHED = (Kind.SPACE, Kind.BUILDING)

_console = Console()


@dataclass(slots=True)
class Made:
    """How far the demo is; readiness asks it."""

    models: int = 0
    models_all: int = 0
    documents: set[str] = field(default_factory=set)
    devices: Sequence[simulate.Device] = ()
    heard: int = 0
    since: float = 0.0

    async def check(self, services: Services) -> None:
        """Raise Unavailable("demo_not_ready") until models and sensors answer."""
        if not self.devices or self.heard < len(self.devices):
            self.heard = await _heard(services, self.devices, self.since)
        if not self.devices or self.heard < len(self.devices):
            raise Unavailable(
                "demo_not_ready",
                models=self.models,
                models_all=self.models_all,
                states=self.heard,
                states_all=len(self.devices) or simulate.COUNT,
            )


def refuse_logins(settings: Settings) -> None:
    """Raise Conflict("demo_has_no_login") where the demo's own sensors could not publish."""
    keeping_out = {
        "TWIN_MQTT_USERS_FILE": settings.mqtt_users_file,
        "TWIN_MQTT_TLS_CERT": settings.mqtt_tls_cert,
        "TWIN_BROKER_URL=none://": settings.broker_url.startswith("none:"),
    }
    for setting, held in keeping_out.items():
        if held:
            raise Conflict("demo_has_no_login", setting=setting)


async def announce(door: Door) -> None:
    """Print where the city answers."""
    if door.url:
        mqtt = door.broker.address if door.broker else None
        _console.print(announcement(door.url, mqtt), highlight=False)


async def run_demo(door: Door) -> None:
    """Make the district and keep its sensors publishing until cancelled."""
    made = Made()
    door.checks.append(made.check)
    services = door.services
    await _import_all(services, made)
    devices = await _bind_all(services, made.documents)
    made.since, made.devices = services.clock(), devices
    assert door.broker is not None
    host, _, port = door.broker.address.rpartition(":")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(
            publish(
                host,
                int(port),
                made.devices,
                services.clock,
                RATE_PER_S,
                tenant=services.settings.tenant,
            ),
            name="publish",
        )
        await _until_heard(services, made)
        await announce(door)
        _console.print(await _lines(door, services, made), highlight=False, soft_wrap=True)


async def _import_all(services: Services, made: Made) -> None:
    """Upload what is not in the city yet and wait for the jobs, with a bar each."""
    models = district()
    made.models_all = len(models)
    folder = services.settings.data_dir / "models"
    with _bars() as bars:
        writing = bars.add_task("示范模型 demo models", total=len(models))
        queued = []
        for model in models:
            path = await asyncio.to_thread(_written, model, folder)
            queued.append((model, await _queue(services, model, path)))
            bars.advance(writing)
        for model, job in queued:
            await _wait(services, model, job, bars)
            made.documents.add(job.payload["model"])
            made.models += 1


def _written(model: DemoModel, folder: Path) -> Path:
    """Write a model once; a half-written one is never taken for whole."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / model.file_name
    if not path.exists():
        part = path.with_suffix(".part")
        model.write(part)
        part.rename(path)
    return path


async def _queue(services: Services, model: DemoModel, path: Path) -> Job:
    async with work_folder(services) as work_dir:
        upload = work_dir / model.file_name
        await asyncio.to_thread(shutil.copyfile, path, upload)
        receipt = await receive(
            services.stores,
            upload,
            filename=model.file_name,
            project=model.project,
            document=model.document,
            region=services.settings.region,
        )
    return await queue_import(services, receipt)


async def _wait(services: Services, model: DemoModel, job: Job, bars: Progress) -> None:
    bar = bars.add_task(model.name, total=1.0)
    while job.state not in {"done", "failed"}:
        bars.update(bar, completed=job.fraction, description=f"{model.name} {job.stage}")
        await asyncio.sleep(POLL_S)
        job = await services.jobs.get(job.id)
    if job.state == "failed":
        reason = (job.error or {}).get("code", "")
        raise Conflict("demo_failed", file=model.file_name, reason=reason)
    bars.update(bar, completed=1.0, description=model.name)


async def _bind_all(services: Services, documents: Collection[str]) -> list[simulate.Device]:
    """Bind the devices that are not bound yet, in one activation, and give all of them a past."""
    devices = simulate.devices(await _targets(services, documents))
    g = (await services.graph.head()).generation
    names = [device.device for device in devices]
    known = await services.codes.resolve(g, names, scheme="device")
    new = [device for device in devices if device.device not in known]
    if new:
        await bind_many(
            services.graph,
            services.codes,
            services.clock,
            services.settings.region,
            [_bind(device) for device in new],
            wait_s=services.settings.lease_wait_s,
        )
    devices += await _of_models(services, documents)
    if new:
        await _past(services, devices)
    return devices


async def _of_models(services: Services, documents: Collection[str]) -> list[simulate.Device]:
    """Return the devices that the demo's models bound and that can be simulated."""
    g = (await services.graph.head()).generation
    where = Filter((Kind.SENSOR,), properties={SOURCE: IFC})
    page = await services.graph.find(g, where, limit=1_000)
    mine = [s for s in page.items if s.properties.get("document") in documents]
    bound = await read_bindings(services.graph, g, [sensor.code for sensor in mine])
    made = [simulate.standing(s, code) for s in mine if (code := bound[s.code].target)]
    return [device for device in made if device is not None]


def _bind(device: simulate.Device) -> Bind:
    return Bind(
        device=device.device,
        code=device.code,
        property=device.property,
        unit=device.unit,
        name=device.name,
        interval_s=device.interval_s,
        owner="demo",
    )


async def _targets(services: Services, documents: Collection[str]) -> list[Entity]:
    """Return the demo's own things: what people upload beside it gets no simulated sensor."""
    g = (await services.graph.head()).generation
    found: list[Entity] = []
    after: str | None = ""
    while after is not None:
        page = await services.graph.find(g, Filter(WATCHED), limit=1_000, after=after)
        found += [e for e in page.items if e.properties.get("document") in documents]
        after = page.next
    return found


async def _past(services: Services, devices: Sequence[simulate.Device]) -> None:
    """Write some hours of history through the same door as every reading."""
    stop = services.clock()
    times = [stop - HISTORY_S + n * HISTORY_STEP_S for n in range(int(HISTORY_S / HISTORY_STEP_S))]
    items = [
        {
            "sensor": device.device,
            "property": device.property,
            "value": simulate.value(device, at),
            "unit": device.unit,
            "observed_at": rfc3339(at),
        }
        for at in times
        for device in devices
    ]
    for start in range(0, len(items), COMMIT_READINGS):
        await services.intake.observe(items[start : start + COMMIT_READINGS], "demo")


async def _heard(services: Services, devices: Sequence[simulate.Device], since: float) -> int:
    """Count the devices that were heard since: the made-up past does not count."""
    held = await services.states.states(sorted({device.code for device in devices}))
    return sum(
        any(
            row.property == device.property and row.received_at >= since
            for row in held.get(device.code, ())
        )
        for device in devices
    )


async def _until_heard(services: Services, made: Made) -> None:
    while True:
        try:
            await made.check(services)
        except Unavailable:
            await asyncio.sleep(POLL_S)
        else:
            return


async def _lines(door: Door, services: Services, made: Made) -> str:
    """Return the lines a newcomer copies: three codes, with what can be asked of them."""
    rooms = [d for d in made.devices if d.property == "temperature"] or list(made.devices)
    bays = [d for d in made.devices if d.property == "occupied"] or list(made.devices)
    above = (await services.city.path(rooms[0].code))["items"]
    building = next((item for item in above if item["kind"] == "Building"), above[0])
    things = [
        (building["code"], building["name"]),
        (rooms[0].code, rooms[0].name),
        (bays[0].code, bays[0].name),
    ]
    mqtt = door.broker.address if door.broker else ""
    return demo_lines(door.url, mqtt, services.settings.tenant, things, rooms[0])


def _bars() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=_console,
    )
