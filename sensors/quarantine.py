"""Which quarantined messages a new binding may bring back."""

from sensors.ports import Message
from twin.quarantine import Kept, Quarantined

UNKNOWN = "device_unknown"
CURABLE = frozenset({UNKNOWN, "device_unbound", "property_not_bound"})


def adoptable(row: Quarantined, device: str, tenant: str = "") -> bool:
    """Whether binding ``device`` of ``tenant`` ("": of any) may make the kept messages readable."""
    return row.reason in CURABLE and row.device == device and tenant in {"", row.tenant}


def message_of(row: Quarantined, kept: Kept) -> Message:
    """Return a message that was kept whole, as it came."""
    return Message(row.topic, kept.payload, kept.received_at, kept.client, kept.retained)
