"""Uplinks of ChirpStack v4: ``application/{id}/device/{devEui}/event/up``.

The device is its DevEUI; each leaf of ``object`` (what the device profile's codec
decoded) is a property, inner names joined by ``.``. The time is ``time``, the number ``fCnt``.
"""

from collections.abc import Iterator
from typing import Any

from identity.errors import Invalid
from sensors.codecs.said import Said, bounded, read_json, wanted
from sensors.ports import Message

DEPTH_MAX = 8  # objects within objects


def read(message: Message) -> list[Said]:
    """Return one reading for each decoded field."""
    up = wanted(read_json(message.payload), dict, "$")
    if up.get("object") is None:
        raise Invalid("chirpstack_not_decoded")
    decoded = wanted(up["object"], dict, "object")
    device = _device(message.topic, up)
    at = up.get("time")
    if at is not None:
        wanted(at, str, "time")
    leaves = _leaves(decoded, "", DEPTH_MAX)
    return bounded([Said("", device, name, value, at, n=up.get("fCnt")) for name, value in leaves])


def _device(topic: str, up: dict[str, Any]) -> str:
    """Return the DevEUI that the topic names, else that of the payload."""
    levels = topic.split("/")
    if len(levels) == TOPIC_LEVELS and levels[0] == "application":
        return levels[3]
    info = wanted(up.get("deviceInfo"), dict, "deviceInfo")
    return str(wanted(info.get("devEui"), str, "deviceInfo.devEui"))


TOPIC_LEVELS = 6


def _leaves(value: Any, name: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Yield (name, value) of everything that holds nothing further."""
    if isinstance(value, dict | list) and not depth:
        raise Invalid("payload_field", field=name, wanted="value")
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}" if name else key, depth - 1)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _leaves(inner, f"{name}.{place}", depth - 1)
    else:
        yield name, value
