"""Unique GUIDs for rows: what the file says, made unique where it repeats or breaks them."""

from collections import Counter

from bim.rows import Finding, Severity
from identity.ifcguid import is_guid

SAMPLES = 5  # named in a finding that counts more


class Names:
    """Hands out the GUID of each row, in the order of the file."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()
        self._repeated: list[tuple[str, int]] = []
        self._invalid: list[tuple[str, int]] = []

    def take(self, guid: object, step_id: int) -> str:
        """Return ``guid``, "<guid>#2" … where it is taken, or "#<step id>" where it is none."""
        if not isinstance(guid, str) or not is_guid(guid):
            self._invalid.append((str(guid or ""), step_id))
            guid = f"#{step_id}"
        self._seen[guid] += 1
        if self._seen[guid] == 1:
            return guid
        self._repeated.append((guid, step_id))
        return f"{guid}#{self._seen[guid]}"

    def findings(self) -> list[Finding]:
        """Return one finding a repeated or broken GUID, the rest counted in the last of them."""
        return [
            *_sampled("ifc_guid_repeated", self._repeated),
            *_sampled("ifc_guid_invalid", self._invalid),
        ]


def _sampled(code: str, cases: list[tuple[str, int]]) -> list[Finding]:
    facts = {"count": len(cases)}
    return [
        Finding(code, Severity.WARNING, {**facts, "text": guid}, guid=guid or None, step_id=step_id)
        for guid, step_id in cases[:SAMPLES]
    ]
