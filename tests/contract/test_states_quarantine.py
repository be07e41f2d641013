"""The contract of twin.quarantine.Quarantine, run on every adapter of States."""

from dataclasses import replace

import pytest

from twin.ports import Commit
from twin.quarantine import MESSAGE_OVERHEAD_BYTES, Kept, Quarantined

pytestmark = pytest.mark.anyio


def lost(device="d1", *bodies, reason="device_unknown", topic=None, **more):
    """A row of whole messages, received at 1, 2 …"""
    kept = [Kept(body, float(at), "c") for at, body in enumerate(bodies, start=1)]
    where = topic or f"city/x/{device}/t"
    facts = {"count": len(kept) or 1, "messages": kept, **more}
    sample = kept[-1].payload if kept else b""
    return Quarantined(reason, device, where, sample, float(len(kept)), **facts)


async def whole(states, row):
    return [kept.payload for kept in await states.kept(row.id, limit=100)]


async def test_quarantine_counts_what_repeats_and_keeps_the_newest_sample(states):
    lost = Quarantined("device_unknown", "d1", "city/x/d1/t", b"one", 1.0, {"a": "武汉"})
    await states.commit(Commit(quarantined=[lost, replace(lost, payload=b"two", received_at=2.0)]))

    rows = await states.quarantined(limit=10)
    assert [(r.payload, r.received_at, r.count, r.facts) for r in rows] == [
        (b"two", 2.0, 2, {"a": "武汉"})
    ]


async def test_quarantine_is_bounded_and_what_is_dropped_is_counted(states):
    for i in range(5):
        lost = Quarantined("device_unknown", f"d{i}", "t", b"x" * 10_000, float(i), count=2)
        await states.commit(Commit(quarantined=[lost]))

    rows = await states.quarantined(limit=10)
    assert [(r.device, len(r.payload)) for r in rows] == [("d2", 4096), ("d3", 4096), ("d4", 4096)]
    assert await states.quarantine_dropped() == 4


async def test_released_quarantine_rows_are_gone(states):
    rows = [Quarantined("device_unknown", f"d{i}", "t", b"", 1.0) for i in range(3)]
    await states.commit(Commit(quarantined=rows))
    first, second, _ = await states.quarantined(limit=10)
    await states.release([first.id])

    assert [r.device for r in await states.quarantined(limit=10)] == ["d1", "d2"]
    assert [r.device for r in await states.quarantined(limit=10, after=second.id)] == ["d2"]


async def test_whole_messages_are_given_back_oldest_first_with_what_was_known_of_them(states):
    long = b"x" * 5_000
    await states.commit(Commit(quarantined=[lost("d1", b"one", long)]))
    retained = replace(lost(), messages=[Kept(b"three", 3.0, "other", retained=True)])
    await states.commit(Commit(quarantined=[retained]))

    (row,) = await states.quarantined(limit=10)
    first, second, third = await states.kept(row.id, limit=10)
    assert (row.count, row.kept, row.messages) == (3, 3, ())
    assert [first.payload, second.payload, third.payload] == [b"one", long, b"three"]
    assert (first.received_at, first.client, first.retained) == (1.0, "c", False)
    assert (third.received_at, third.client, third.retained) == (3.0, "other", True)
    assert await states.kept(row.id, limit=10, after=second.id) == [third]


async def test_of_one_device_of_a_tenant_only_the_newest_messages_are_kept(states):
    rows = [lost("d1", b"1", b"2"), lost("d1", b"3", topic="city/x/d1/u")]
    await states.commit(Commit(quarantined=rows))
    others = [lost("d1", b"8", topic="city/y/d1/t", tenant="y"), lost("d2", b"9")]
    await states.commit(Commit(quarantined=others[:1]))
    await states.commit(Commit(quarantined=[lost("d1", b"4", topic="city/x/d1/u")]))
    first, second, other = await states.quarantined(limit=10)

    assert (first.count, await whole(states, first)) == (2, [b"2"])
    assert (second.count, await whole(states, second)) == (2, [b"3", b"4"])
    assert await whole(states, other) == [b"8"]


async def test_all_whole_messages_together_are_bounded_by_bytes(states):
    body = b"x" * (4_000 - MESSAGE_OVERHEAD_BYTES)
    for number in range(3):
        row = lost(f"d{number}", body, body, body)
        await states.commit(Commit(quarantined=[row]))
    rows = await states.quarantined(limit=10)

    kept = [row.kept for row in rows]
    assert sum(kept) * 4_000 <= 20_000
    assert (kept[-1], [row.count for row in rows]) == (3, [3, 3, 3])


async def test_a_message_that_is_too_long_is_kept_as_a_sample_only(states):
    await states.commit(Commit(quarantined=[lost("d1", b"y" * 6_000)]))
    (row,) = await states.quarantined(limit=10)

    assert (row.count, row.kept, len(row.payload)) == (1, 0, 4_096)


async def test_rows_of_one_device_can_be_asked_for(states):
    rows = [lost("d1", b"1"), lost("d2", b"2"), lost("d1", b"3", reason="property_not_bound")]
    await states.commit(Commit(quarantined=rows))
    first, second = await states.quarantined(limit=10, device="d1")

    assert [first.reason, second.reason] == ["device_unknown", "property_not_bound"]
    assert await states.quarantined(limit=10, device="d1", after=first.id) == [second]


async def test_messages_released_by_a_commit_are_counted_off_and_an_empty_row_goes(states):
    await states.commit(Commit(quarantined=[lost("d1", b"1", b"2"), lost("d2", b"3")]))
    row, other = await states.quarantined(limit=10)
    one, two = await states.kept(row.id, limit=10)

    await states.commit(Commit(released=[one.id]))
    (left, _) = await states.quarantined(limit=10)
    assert (left.count, left.kept, await whole(states, left)) == (1, 1, [b"2"])

    await states.commit(Commit(released=[one.id, two.id]))
    assert [r.id for r in await states.quarantined(limit=10)] == [other.id]


async def test_a_row_that_is_discarded_takes_its_messages_with_it(states):
    await states.commit(Commit(quarantined=[lost("d1", b"1"), lost("d2", b"2")]))
    row, other = await states.quarantined(limit=10)
    await states.release([row.id])

    assert await states.kept(row.id, limit=10) == []
    assert await whole(states, other) == [b"2"]


async def test_a_replayed_commit_keeps_nothing_twice(states):
    row = lost("d1", b"1")
    await states.commit(Commit(quarantined=[row], journal="j", offset=1))
    await states.commit(Commit(quarantined=[row], journal="j", offset=1))

    assert [(r.count, r.kept) for r in await states.quarantined(limit=10)] == [(1, 1)]
