"""A broker's URL taken apart.

``mqtt(s)://[user:password@]host[:port][?version=5&group=city&expiry_s=…&receive_maximum=…]``,
``client``, and for mqtts ``ca``, ``cert``, ``key``: PEM files.
"""

import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from cim.device import is_name
from identity.errors import Invalid

PORTS = {"mqtt": 1883, "mqtts": 8883}
VERSIONS = {"3": 4, "3.1.1": 4, "4": 4, "5": 5}
EXPIRY_S = 14 * 86_400  # of our session at the broker, while we are away
RECEIVE_MAXIMUM = 1_000  # messages that the broker may send before the first is acknowledged
CLIENTS = ("own", "paho")
KEYS = frozenset({"client", "version", "group", "expiry_s", "receive_maximum", "ca", "cert", "key"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a broker is and how it is spoken to. ``level``: 4 is MQTT 3.1.1, 5 is 5.0.

    ``group``: of listeners among which the messages are spread ("": this one gets all of them).
    ``client``: which of CLIENTS speaks to it. ``expiry_s``, ``receive_maximum``: in 5.0 only.
    """

    host: str
    port: int
    tls: bool
    user: str | None = None
    password: str | None = None
    level: int = 4
    group: str = ""
    expiry_s: int = EXPIRY_S
    receive_maximum: int = RECEIVE_MAXIMUM
    client: str = CLIENTS[0]
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None

    def topic(self, wanted: str) -> str:
        """Return the filter to subscribe to for all that ``wanted`` matches."""
        return f"$share/{self.group}/{wanted}" if self.group else wanted

    def context(self) -> ssl.SSLContext | None:
        """Return how the broker is known and we to it. Raises Invalid("broker_url_invalid")."""
        if not self.tls:
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.cert is not None:
                context.load_cert_chain(self.cert, self.key)
        except (OSError, ssl.SSLError) as error:
            raise Invalid("broker_url_invalid", url=self.host, reason=str(error)) from error
        return context


def place(url: str) -> Place:
    """Return the parts of a URL; Invalid("broker_url_invalid")."""
    parts = urlsplit(url)
    shown = f"{parts.scheme}://{parts.hostname or ''}"  # never the password
    with suppress(ValueError):  # of a port that is none
        if parts.scheme in PORTS and parts.hostname:
            return Place(
                parts.hostname,
                parts.port or PORTS[parts.scheme],
                parts.scheme == "mqtts",
                None if parts.username is None else unquote(parts.username),
                None if parts.password is None else unquote(parts.password),
                **_options(shown, dict(parse_qsl(parts.query, keep_blank_values=True))),
            )
    raise Invalid("broker_url_invalid", url=shown, reason="scheme, host or port")


def _options(shown: str, said: Mapping[str, str]) -> dict[str, Any]:
    unknown = sorted(set(said) - KEYS)
    if unknown:
        raise Invalid("broker_url_invalid", url=shown, reason=f"unknown: {', '.join(unknown)}")
    found: dict[str, Any] = {k: Path(said[k]) for k in ("ca", "cert", "key") if k in said}
    for name, most in (("expiry_s", 2**32 - 1), ("receive_maximum", 65_535)):
        if name in said:
            found[name] = _number(shown, name, said[name], most)
    if "group" in said:
        if not is_name(said["group"]):
            raise Invalid("broker_url_invalid", url=shown, reason="group")
        found["group"] = said["group"]
    found["client"] = said.get("client", CLIENTS[0])
    if found["client"] not in CLIENTS:
        raise Invalid("broker_url_invalid", url=shown, reason="client")
    if said.get("version", "3") not in VERSIONS:
        raise Invalid("broker_url_invalid", url=shown, reason="version")
    found["level"] = VERSIONS[said.get("version", "3")]
    return found


def _number(shown: str, name: str, text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= most):
        raise Invalid("broker_url_invalid", url=shown, reason=name)
    return int(text)
