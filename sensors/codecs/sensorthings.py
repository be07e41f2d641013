"""Observations of OGC SensorThings over MQTT (18-088, MQTT extension).

``v1.1/Datastreams(7)/Observations``, or ``v1.1/Observations`` with a Datastream in the payload.
The device is ``Datastreams(7)``, its property the one that it is bound for. The time is
``phenomenonTime`` (of an interval its end), else ``resultTime``; ``resultQuality`` is not read.
"""

from typing import Any

from identity.errors import Invalid
from sensors.codecs.said import Said, read_json, wanted
from sensors.ports import Message


def read(message: Message) -> list[Said]:
    """Return the one reading of an Observation."""
    observation = wanted(read_json(message.payload), dict, "$")
    if "result" not in observation:
        raise Invalid("payload_field", field="result", wanted="value")
    return [
        Said("", _device(message.topic, observation), "", observation["result"], _time(observation))
    ]


def _device(topic: str, observation: dict[str, Any]) -> str:
    entity = ("", *topic.split("/"))[-2]
    if entity.startswith("Datastreams(") and entity.endswith(")"):
        return entity
    stream = wanted(observation.get("Datastream"), dict, "Datastream")
    number = stream.get("@iot.id")
    if isinstance(number, str):
        return f"Datastreams('{number}')"
    if isinstance(number, bool) or not isinstance(number, int):
        raise Invalid("payload_field", field="Datastream.@iot.id", wanted="text")
    return f"Datastreams({number})"


def _time(observation: dict[str, Any]) -> str | None:
    said = observation.get("phenomenonTime") or observation.get("resultTime")
    if said is None:
        return None
    return str(wanted(said, str, "phenomenonTime").rpartition("/")[2])
