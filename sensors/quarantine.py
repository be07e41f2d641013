"""Which quarantined messages a new binding may bring back."""

from sensors.ports import Message
from sensors.topics import address
from twin.ports import Quarantined

CURABLE = frozenset({"device_unknown", "device_unbound", "property_not_bound"})


def adoptable(row: Quarantined, device: str, tenant: str = "") -> bool:
    """Whether binding ``device`` of ``tenant`` ("": of any) may make the kept message readable."""
    where = address(row.topic)
    if where is None or row.reason not in CURABLE or where.device != device:
        return False
    return tenant in {"", where.tenant}


def kept_message(row: Quarantined) -> Message:
    """Return the newest message that a row stands for."""
    return Message(row.topic, row.payload, row.received_at)
