"""Damaged IFC files from a seed: bytes changed anywhere, or statements that stay well formed.

``of(seed, number, files)`` is the same for ever: a number found wanting can be made again.
"""

import random
import re

STATEMENT = re.compile(rb"#(\d+)\s*=\s*([A-Za-z0-9_]+)\s*\((.*?)\)\s*;(?=\s)", re.DOTALL)
REFERENCE = re.compile(rb"#\d+")
ARGUMENT = re.compile(rb"'(?:[^']|'')*'|[^,()]+")
ODD = [b"$", b"*", b"()", b"'x'", b"''", b".T.", b".NOTDEFINED.", b"-1", b"0", b"0.", b"1.E308",
       b"-1.E308", b"1.E-308", b"99999999999999999999", b"IFCLABEL('x')", b"((((()))))", b"#0",
       b"'\\X2\\4E00\\X0\\'", b"'\\X2\\D800\\X0\\'", b'"0FF"', b"NAN", b"(0.,0.,0.)"]  # fmt: skip
ROUNDS = (1, 1, 1, 2, 3, 5, 10, 20)  # changes to one file


def of(seed, number, files, kind):
    """Return (name of the file, its mutation): ``kind`` is "byte" or "structure"."""
    chance = random.Random(f"{seed} {kind} {number}")
    name = chance.choice(sorted(files))
    data = files[name]
    for _ in range(chance.choice(ROUNDS)):
        data = (_bytes if kind == "byte" else _structure)(chance, data)
    return name, data


def _bytes(chance, data):
    at = chance.randrange(len(data) + 1)
    size = min(chance.choice((1, 1, 2, 8, 64, 512)), len(data) - at)
    how = chance.randrange(6)
    if how == 0:  # one bit
        at = min(at, len(data) - 1)
        return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
    if how == 1:
        return data[:at] + data[at + size :]
    if how == 2:
        return data[:at] + chance.randbytes(size) + data[at:]
    if how == 3:
        return data[:at] + chance.randbytes(size) + data[at + size :]
    if how == 4:  # a piece again, somewhere else
        to = chance.randrange(len(data) + 1)
        return data[:to] + data[at : at + size] + data[to:]
    return data[:at] + chance.choice(ODD) + data[at + size :]


def _structure(chance, data):
    """Change one statement, or one statement's place among the others."""
    found = list(STATEMENT.finditer(data))
    one, other = chance.choice(found), chance.choice(found)
    how = chance.choice((_refer, _refer, _value, _value, _value, _name, _drop, _twice, _swap))
    return how(chance, data, one, other)


def _put(data, span, text):
    return data[: span[0]] + text + data[span[1] :]


def _refer(chance, data, one, other):
    """Let a reference lead elsewhere: to any statement, to none, or to its own."""
    references = list(REFERENCE.finditer(data, *one.span(3)))
    if not references:
        return _value(chance, data, one, other)
    to = chance.choice((other[1], other[1], other[1], one[1], b"999999999"))
    return _put(data, chance.choice(references).span(), b"#" + to)


def _value(chance, data, one, _other):
    values = list(ARGUMENT.finditer(data, *one.span(3)))
    if not values:
        return _put(data, one.span(3), chance.choice(ODD))
    value = chance.choice(values)
    how = chance.randrange(4)
    if how == 0:  # two arguments change places
        return _put(data, value.span(), chance.choice(values)[0])
    if how == 1:
        return _put(data, value.span(), value[0] + b"," + value[0])
    return _put(data, value.span(), chance.choice(ODD))


def _name(_chance, data, one, other):
    return _put(data, one.span(2), other[2])


def _drop(_chance, data, one, _other):
    return _put(data, one.span(), b"")


def _twice(chance, data, one, other):
    """Write a statement again: with its own number, or with a new one that is referred to."""
    number = chance.choice((one[1], b"888888888"))
    again = b"#" + number + b"=" + one[2] + b"(" + one[3] + b");\n"
    data = _put(data, (one.start(), one.start()), again)
    return data.replace(b"#" + other[1] + b",", b"#" + number + b",", 1)


def _swap(_chance, data, one, other):
    first, last = sorted((one, other), key=lambda statement: statement.start())
    if first.end() > last.start():
        return data
    between = data[first.end() : last.start()]
    return data[: first.start()] + last[0] + between + first[0] + data[last.end() :]
