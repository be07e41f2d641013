"""Rules that people write down: small JSON objects by kind and name, kept beside the state."""

from collections.abc import Mapping
from typing import Any, Protocol

RULES_MAX = 1_000  # of one kind
RULE_BYTES_MAX = 64 * 1024  # of one rule as JSON


class Rules(Protocol):
    """The part of a States store that keeps rules (how messages of a topic are read …)."""

    async def rules(self, kind: str) -> dict[str, Mapping[str, Any]]:
        """Return every rule of a kind, by name."""
        ...

    async def put_rule(self, kind: str, name: str, body: Mapping[str, Any] | None) -> None:
        """Keep a rule durably, in place of the one of that name; None removes it.

        Raises TooLarge("rules_limit") and TooLarge("rule_too_large").
        """
        ...
