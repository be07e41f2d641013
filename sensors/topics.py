"""Where a message belongs, read from its topic: ``city/{tenant}/{device or code}/{property}``."""

from functools import lru_cache
from typing import NamedTuple

from cim.device import NAME_CHARS_MAX, is_name
from identity.errors import Invalid

TOPICS_CACHED = 65_536
SUBSCRIPTION = "city/#"
TOPIC_CHARS_MAX = 3 * (NAME_CHARS_MAX + 1) + len("city")


class Device(NamedTuple):
    """A device of a tenant ("" = the city's own); ``name`` may be a code instead."""

    tenant: str
    name: str


class Address(NamedTuple):
    """Which property of which device; its first two fields are a Device."""

    tenant: str
    device: str
    property: str


def parse(topic: str) -> Address:
    """Return the address in a topic. Raises Invalid("topic_unknown", …)."""
    found = address(topic)
    if found is None:
        raise Invalid("topic_unknown", topic=topic)
    return found


def address(topic: str) -> Address | None:
    """Return the address in a topic, or None where it has none."""
    return _address(topic) if len(topic) <= TOPIC_CHARS_MAX else None


@lru_cache(TOPICS_CACHED)
def _address(topic: str) -> Address | None:
    parts = topic.split("/")
    if len(parts) != 4 or parts[0] != "city":  # noqa: PLR2004 - the four levels above
        return None
    _, tenant, device, name = parts
    if not (is_name(device) and is_name(name) and (not tenant or is_name(tenant))):
        return None
    return Address(tenant, device, name)


def is_filter(text: str) -> bool:
    """Whether ``text`` is a topic filter (MQTT 5, 4.7): ``+`` and ``#`` stand alone, # last."""
    levels = text.split("/")
    plain = all(level in {"+", "#"} or not set(level) & set("+#\0") for level in levels)
    return 0 < len(text) <= TOPIC_CHARS_MAX and plain and "#" not in levels[:-1]


def matches(filter_: str, topic: str) -> bool:
    """Whether a topic filter takes a topic; ``a/#`` takes ``a`` as well."""
    wanted, levels = filter_.split("/"), topic.split("/")
    if wanted[-1] == "#":
        wanted, levels = wanted[:-1], levels[: len(wanted) - 1]
    return len(wanted) == len(levels) and all(
        want in ("+", level) for want, level in zip(wanted, levels, strict=True)
    )
