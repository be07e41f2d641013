"""Every setting of the product, with its default: environment names are TWIN_ + the field's name.

``load`` reads them, refuses names nobody knows (the library would ignore them) and URLs that would
let two stores share one file. All limits of the edge stand here; none is a bare number in the code.
"""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from bim.translate_devices import NAMES, places
from cim.heights import CityHeights
from identity.errors import Invalid
from identity.grid_datum import SEPARATION_M_MAX, Datum
from sensors.topics import SUBSCRIPTION
from twin.push import BUFFER_FRAMES_MAX
from twin.quarantine import QUARANTINE_BYTES, QUARANTINE_DEVICE_MESSAGES, Bounds
from twin.reading_checks import FUTURE_S_MAX
from twin.retention import KEEPING_S, LATE_ROWS, ROLL_AFTER_S, Retention, parse_tiers

PREFIX = "TWIN_"


class Settings(BaseSettings):
    """What a deployment may choose. Sizes in bytes, times in seconds, memory in megabytes.

    An empty store URL means the embedded default inside ``data_dir``.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    data_dir: Path = Path("data")
    graph_url: str = Field(
        default="", repr=False
    )  # sqlite:///graph.db | memory:// | neo4j://user:password@host:7687
    state_url: str = Field(
        default="", repr=False
    )  # sqlite:///state.db | postgresql://user:password@host/db | memory://
    jobs_url: str = ""  # sqlite:///jobs.db
    blobs_url: str = ""  # file:///… | memory://
    broker_url: str = Field(
        default="embedded://", repr=False
    )  # embedded:// | mqtt://user:password@… | mqtts://… | none://
    graph_user: str = "neo4j"
    graph_password: str = Field(default="", repr=False)

    bind: str = "127.0.0.1:8000"
    mqtt_bind: str = "127.0.0.1:1883"
    mqtt_users_file: Path | None = None
    mqtt_tls_cert: Path | None = None
    mqtt_tls_key: Path | None = None
    behind_proxy: bool = False  # a proxy in front ends TLS
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tokens_file: Path | None = None
    topics: tuple[str, ...] = (SUBSCRIPTION,)  # that a broker is asked for, a JSON list
    allowed_hosts: tuple[str, ...] = ()  # further Host names, comma separated as JSON list

    region: str = Field(default="420111", pattern=r"^\d{6}$")
    tenant: str = Field(default="wuhan", pattern=r"^[^/+#]{1,128}$")
    class_table: Path | None = None
    scheme_table: Path | None = None
    ifc_device_names: str = ",".join(NAMES)  # where a model names its devices, the first that does
    height_datum: Datum = Datum.YELLOW_SEA_1985  # of heights that name none
    geoid_separation_m: float | None = Field(
        default=None, ge=-SEPARATION_M_MAX, le=SEPARATION_M_MAX, allow_inf_nan=False
    )
    accept: Literal["auto", "hold"] = "auto"  # hold: a person decides on a checked version
    ack: Literal["", "journal", "store"] = ""  # empty: journal, with PostgreSQL store

    future_s_max: float = Field(default=FUTURE_S_MAX, ge=0)  # of a device's clock
    quarantine_device_messages: int = Field(default=QUARANTINE_DEVICE_MESSAGES, gt=0)
    quarantine_bytes_max: int = Field(default=QUARANTINE_BYTES, gt=0)

    history_roll_after_s: float = Field(default=ROLL_AFTER_S, ge=0)  # after the end of a day
    history_raw_days: int = Field(default=0, ge=0)  # every reading; 0: for ever
    history_tiers: str = "300:0,3600:0"  # width in seconds:days, 0: for ever
    history_late_rows: int = Field(default=LATE_ROWS, gt=0)  # of one day, that wait to be rolled
    history_keep_s: float = Field(default=KEEPING_S, gt=0)  # between two looks

    upload_bytes_max: int = Field(default=2 * 1024**3, gt=0)
    upload_field_bytes_max: int = Field(default=64 * 1024, gt=0)
    uploads_max: int = Field(default=1_000, gt=0)  # resumable, open at a time
    uploads_user_max: int = Field(default=100, gt=0)
    uploads_bytes_max: int = Field(default=64 * 1024**3, gt=0)  # that all of them declare
    upload_expires_s: float = Field(default=7 * 86_400.0, gt=0)
    upload_stall_s: float = Field(default=30.0, gt=0)  # a request that brings nothing is ended
    device_table_bytes_max: int = Field(default=64 * 1024**2, gt=0)  # of a CSV of devices
    body_bytes_max: int = Field(default=16 * 1024**2, gt=0)  # of a JSON request
    import_rows_max: int = Field(default=200_000, gt=0)  # of a list of foreign codes
    import_bytes_max: int = Field(default=64 * 1024**2, gt=0)
    streams_max: int = Field(default=1_000, gt=0)
    stream_buffer_max: int = Field(default=BUFFER_FRAMES_MAX, gt=0)  # frames that wait for a client
    stream_stall_s: float = Field(default=60.0, gt=0)  # a client that takes nothing is cut off

    mqtt_connections_max: int = Field(default=10_000, gt=0)
    mqtt_packet_bytes_max: int = Field(default=256 * 1024, gt=0, le=268_435_455)
    mqtt_in_flight_max: int = Field(default=5_000, gt=0, le=65_535)  # of one device
    mqtt_pending_bytes_max: int = Field(default=32 * 1024**2, gt=0)  # of all, not yet durable
    mqtt_keep_alive_s_max: int = Field(default=600, gt=0, le=65_535)
    journal_messages_max: int = Field(default=2_000_000, gt=0)  # durable, not yet applied
    journal_bytes_max: int = Field(default=1024**3, gt=0)

    lease_wait_s: float = Field(default=60.0, ge=0)
    lease_ttl_s: float = Field(default=30.0, gt=0)
    retry_s_first: float = Field(default=0.5, gt=0)
    retry_s_max: float = Field(default=15.0, gt=0)

    child_memory_mb: int = Field(default=8_192, gt=0)
    child_cpu_s: int = Field(default=1_800, gt=0)
    child_wall_s: float = Field(default=1_800.0, gt=0)
    child_file_mb: int = Field(default=8_192, gt=0)
    mesh_product_s: float = Field(default=3.0, gt=0)
    mesh_kernels: str = "cgal-simple,manifold,opencascade"
    job_poll_s: float = Field(default=0.3, gt=0)
    job_stale_s: float = Field(default=20.0, gt=0)
    job_save_s: float = Field(default=0.2, gt=0)
    job_attempts_max: int = Field(default=3, gt=0)

    @property
    def heights(self) -> CityHeights:
        """What a height is where nobody says it."""
        return CityHeights(self.height_datum, self.geoid_separation_m)

    @property
    def kernels(self) -> tuple[str, ...]:
        """The mesh kernels in the order they are tried."""
        return tuple(name.strip() for name in self.mesh_kernels.split(",") if name.strip())

    @property
    def retention(self) -> Retention:
        """What of history is kept; Invalid("history_tiers_unreadable")."""
        tiers = parse_tiers(self.history_tiers)
        rules = (self.history_roll_after_s, self.history_raw_days, tiers, self.history_late_rows)
        return Retention(*rules)

    @property
    def quarantine(self) -> Bounds:
        """How much the quarantine keeps."""
        messages, size = self.quarantine_device_messages, self.quarantine_bytes_max
        return Bounds(device_messages=messages, bytes=size)

    @property
    def ack_committed(self) -> bool:
        """Whether a message is acknowledged only after the state store's commit."""
        return self.ack == "store" or (not self.ack and self.state_url.startswith("postgres"))

    @property
    def one_process(self) -> bool:
        """Whether a store lives in the memory of the process that serves it."""
        return any(url.startswith("memory:") for url in (self.graph_url, self.state_url))

    @property
    def tls(self) -> bool:
        """Whether this process itself speaks TLS."""
        return self.tls_cert is not None and self.tls_key is not None


def load(environ: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """Return the settings of the environment, overridden by ``given`` values that are not None.

    Raises Invalid("setting_unknown", "setting_invalid", "setting_urls_equal").
    """
    refuse_unknown(os.environ if environ is None else environ)
    try:
        settings = Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = PREFIX + "_".join(str(part) for part in first["loc"]).upper()
        raise Invalid("setting_invalid", name=name, reason=first["msg"]) from error
    _refuse_equal_urls(settings)
    parse_tiers(settings.history_tiers)
    places(settings.ifc_device_names)
    return settings


def names() -> list[str]:
    """Return the environment name of every setting."""
    return sorted(PREFIX + name.upper() for name in Settings.model_fields)


def refuse_unknown(environ: Mapping[str, str]) -> None:
    """Raise Invalid("setting_unknown") for a TWIN_ name that no setting has; names near misses."""
    known = names()
    for name in sorted(environ):
        if name.startswith(PREFIX) and name.upper() not in known:
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
            raise Invalid("setting_unknown", name=name, near=", ".join(near) or "-")


def _refuse_equal_urls(settings: Settings) -> None:
    seen: dict[str, str] = {}
    for name in ("graph_url", "state_url", "jobs_url"):
        url = getattr(settings, name)
        if not url or url.startswith("memory:"):
            continue
        if url in seen:
            raise Invalid("setting_urls_equal", first=seen[url], second=PREFIX + name.upper())
        seen[url] = PREFIX + name.upper()
