"""ISO 7064 (GB/T 17710) check characters: pure and hybrid systems, on plain ASCII strings.

Pure systems (MOD M-r): ``P = sum(a_i * r^(n-i))`` over the whole string must be 1 modulo M.
Hybrid systems (MOD M+1,M): ``P = M``; per character ``P = (P + a) mod M`` (M instead of 0), then
``P = 2P mod (M+1)``; the check character makes the last sum 1 modulo M.
"""

from dataclasses import dataclass
from functools import cache

from identity.errors import Invalid

DIGITS = "0123456789"
ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class System:
    """One system of the standard.

    ``alphabet`` is what the payload is written in, ``supplement`` the one character more that only
    a check may be ("X" in MOD 11-2, "*" in MOD 37-2), ``length`` the number of check characters.
    """

    name: str
    modulus: int
    radix: int
    alphabet: str
    hybrid: bool = False
    supplement: str = ""
    length: int = 1


MOD_11_2 = System("MOD 11-2", 11, 2, DIGITS, supplement="X")
MOD_37_2 = System("MOD 37-2", 37, 2, ALPHANUMERIC, supplement="*")
MOD_97_10 = System("MOD 97-10", 97, 10, DIGITS, length=2)
MOD_11_10 = System("MOD 11,10", 10, 2, DIGITS, hybrid=True)
MOD_37_36 = System("MOD 37,36", 36, 2, ALPHANUMERIC, hybrid=True)


def check(system: System, payload: str) -> str:
    """Return the check character(s) of ``payload``; Invalid("check_character") on others."""
    if system.hybrid:
        return system.alphabet[(1 - _hybrid(payload, system)) % system.modulus]
    wanted = (1 - _pure(_values(system, payload), system)) % system.modulus
    if system.length == 1:
        return (system.alphabet + system.supplement)[wanted]
    # 0 and 97 are one remainder; the standard's own 98 - x form never writes 00 or 01.
    return f"{wanted if wanted > 1 else wanted + system.modulus:02d}"


def valid(system: System, text: str) -> bool:
    """Return whether ``text``, payload and check, holds; False too on foreign characters."""
    payload, given = text[: -system.length], text[-system.length :]
    if not payload or any(c not in system.alphabet for c in payload):
        return False
    return check(system, payload) == given


def _pure(values: list[int], system: System) -> int:
    total = 0
    for value in values:
        total = (total + value) * system.radix % system.modulus
    for _ in range(system.length - 1):
        total = total * system.radix % system.modulus
    return total


def _hybrid(payload: str, system: System) -> int:
    """Return the sum before the check: each code that is issued or typed comes through here."""
    steps, total = _steps(system.modulus, system.alphabet), system.modulus
    try:
        for char in payload:
            total = steps[total][char]
    except KeyError as wrong:
        raise _foreign(system, payload, wrong.args[0]) from None
    return total


@cache
def _steps(modulus: int, alphabet: str) -> list[dict[str, int]]:
    """Return the next sum by sum and character."""
    return [
        {c: ((total + a) % modulus or modulus) * 2 % (modulus + 1) for a, c in enumerate(alphabet)}
        for total in range(modulus + 1)
    ]


def _values(system: System, payload: str) -> list[int]:
    try:
        return [system.alphabet.index(char) for char in payload]
    except ValueError:
        foreign = next(char for char in payload if char not in system.alphabet)
        raise _foreign(system, payload, foreign) from None


def _foreign(system: System, payload: str, char: str) -> Invalid:
    at = payload.index(char) + 1
    return Invalid("check_character", system=system.name, position=at, character=char)
