"""Packets as devices send them, whole and damaged in seeded ways."""

import random

from sensors.brokers import mqtt_write as write
from sensors.brokers.mqtt_packets import Connect, Publish, Will

TEXTS = ["", "a", "city/a/d/p", "物/联", "a/b/c", "\u0001", "x" * 40, "twin/events/#", "😀"]
MESSAGE = [
    {},
    {"payload_format": 1, "content_type": "application/json"},
    {"message_expiry_s": 7, "user_property": [("a", "b"), ("a", "c")]},
    {"response_topic": "r/t", "correlation_data": b"\x00\xff"},
]
CONNECTS = [{}, {"session_expiry_s": 9}, {"receive_maximum": 2, "user_property": [("k", "v")]}]


def packet(chance, level):
    """Return the bytes of one packet that a device may send."""
    kind = chance.randrange(10)
    packet_id = chance.choice([b"", b"\x00\x01", b"\xff\xff"])
    said = chance.choice(MESSAGE) if level == 5 else {}
    if kind < 6:
        topic = chance.choice(TEXTS[1:7])
        body = chance.randbytes(chance.choice([0, 1, 20, 130]))
        return write.publish(Publish(topic, body, packet_id, chance.random() < 0.1, said), level)
    if kind == 6:
        will = Will("city/a/d/p", b"gone", chance.randrange(3), False, said)
        terms = chance.choice(CONNECTS) if level == 5 else {}
        user = chance.choice([None, "meter"])
        wanted = Connect(level, chance.choice(TEXTS), True, 60, user, user and b"pw")
        chosen = chance.choice([None, will])
        return write.connect(wanted._replace(will=chosen, properties=terms))
    if kind == 7:
        return write.pubacks([packet_id or b"\x00\x09"])
    if kind == 8:
        wanted = [(chance.choice(TEXTS[1:]), chance.randrange(3)) for _ in range(2)]
        return write.subscribe(b"\x00\x07", wanted, level)
    return chance.choice([write.PING_REQUEST, write.GOODBYE, b"\xe0\x01\x04"][: 2 + (level == 5)])


def damaged(chance, whole):
    """Return a packet with bytes changed, cut out, put in or doubled."""
    noise = bytearray(whole)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(noise)) if noise else 0
        match chance.randrange(5):
            case 0 if noise:
                noise[at] = chance.randrange(256)
            case 1 if noise:
                noise[at] ^= 1 << chance.randrange(8)
            case 2:
                del noise[at : at + chance.randint(1, 3)]
            case 3:
                noise[at:at] = chance.randbytes(chance.randint(1, 3))
            case _:
                noise[at:at] = noise[at : at + 4]
    return bytes(noise) or b"\x00"


def stream(seed, level):
    """Yield damaged packets for ever, one in four left whole."""
    chance = random.Random(seed)
    while True:
        whole = packet(chance, level)
        yield whole if chance.random() < 0.25 else damaged(chance, whole)
