"""Where a mapping finds something: a path into the message, a level of the topic, a constant.

``$.a.b[0]`` from the message · ``@.v`` from the item (of ``each``) · ``@key`` its key or index ·
``topic[1]`` a level of the topic, from 0 · ``=text`` the text itself. Odd names: ``$["a b"].c``.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from identity.errors import Invalid

STEPS_MAX = 16
PATH_CHARS_MAX = 256

MISSING = object()
"""What is found where nothing stands."""


class Scope(NamedTuple):
    """What a path is read from: the message, the item and its key, the levels of the topic."""

    message: Any
    item: Any
    key: str | int
    topic: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Path:
    """A parsed path. ``root``: $, @, key, topic or =; ``steps``: names and indexes below it."""

    root: str
    steps: tuple[str | int, ...] = ()

    def find(self, scope: Scope) -> Any:
        """Return what stands there, MISSING where nothing does."""
        if self.root == "=":
            return self.steps[0]
        if self.root == "key":
            return scope.key
        found = {"$": scope.message, "@": scope.item, "topic": scope.topic}[self.root]
        for step in self.steps:
            found = _step(found, step)
        return found


def parse(text: Any) -> Path:
    """Return the path of a text; Invalid("mapping_path")."""
    if not isinstance(text, str) or not 0 < len(text) <= PATH_CHARS_MAX:
        raise Invalid("mapping_path", path=str(text)[:PATH_CHARS_MAX])
    if text.startswith("="):
        return Path("=", (text[1:],))
    if text == "@key":
        return Path("key")
    found = _ROOT.match(text)
    steps: list[str | int] = []
    at = found.end() if found else len(text)
    while found and at < len(text) and len(steps) < STEPS_MAX:
        step = _STEP.match(text, at)
        if step is None:
            break
        steps.append(_read(step))
        at = step.end()
    if found is None or at < len(text) or (found[0] == "topic" and len(steps) != 1):
        raise Invalid("mapping_path", path=text)
    return Path(found[0], tuple(steps))


_ROOT = re.compile(r"\$|@|topic")
_STEP = re.compile(
    r'\.(?P<name>[^.\[\]"]+)|\[(?P<index>\d{1,6})\]|\[(?P<quoted>"(?:[^"\\]|\\.)*")\]'
)


def _read(step: re.Match[str]) -> str | int:
    if step["index"] is not None:
        return int(step["index"])
    if step["name"] is not None:
        return step["name"]
    try:
        return str(json.loads(step["quoted"]))
    except ValueError:
        raise Invalid("mapping_path", path=step.string) from None


def _step(found: Any, step: str | int) -> Any:
    if isinstance(step, int):
        inside = isinstance(found, list | tuple) and step < len(found)
        return found[step] if inside else MISSING
    return found.get(step, MISSING) if isinstance(found, dict) else MISSING
