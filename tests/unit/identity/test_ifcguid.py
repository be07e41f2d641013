from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity import ifcguid
from identity.errors import Invalid

KNOWN = [
    ("00000000-0000-0000-0000-000000000000", "0" * 22),
    ("ffffffff-ffff-ffff-ffff-ffffffffffff", "3" + "$" * 21),
    ("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "1hfxWGdQqHqO2q0C1Fr338"),
]


@pytest.mark.parametrize(("uuid", "guid"), KNOWN)
def test_known_pairs_hold_both_ways(uuid, guid):
    assert ifcguid.from_uuid(UUID(uuid)) == guid
    assert ifcguid.to_uuid(guid) == UUID(uuid)


@pytest.mark.corpus
def test_every_golden_pair_holds(vectors):
    pairs = vectors("checks")["ifc_guid"]
    assert len(pairs) == 4
    assert [[str(ifcguid.to_uuid(g)), g] for _, g in pairs] == pairs
    assert [ifcguid.from_uuid(UUID(u)) for u, _ in pairs] == [g for _, g in pairs]


@settings(deadline=None)
@given(st.uuids())
def test_a_uuid_survives_the_way_there_and_back(uuid):
    guid = ifcguid.from_uuid(uuid)
    assert ifcguid.is_guid(guid)
    assert ifcguid.to_uuid(guid) == uuid


@pytest.mark.parametrize("text", ["", "0" * 21, "0" * 23, "4" + "0" * 21, "0" * 21 + "-"])
def test_other_texts_are_no_guid(text):
    assert not ifcguid.is_guid(text)
    with pytest.raises(Invalid, match="ifc_guid_shape"):
        ifcguid.to_uuid(text)
