"""Damaged bytes are read or refused; nothing but a typed refusal leaves the intake."""

import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bim.extract import extract_file, load
from bim.normalise import normalise
from identity.errors import CityError
from tests.parts.ifc_text import HOUSE, ifc

WHOLE = ifc(
    *HOUSE,
    "#100=IFCPROPERTYSINGLEVALUE('p',$,IFCLENGTHMEASURE(240.),$);",
    "#101=IFCPROPERTYSET('0pSET00000000000000001',$,'Pset',$,(#100));",
    "#102=IFCRELDEFINESBYPROPERTIES('0rDP000000000000000001',$,$,$,(#13),#101);",
    "#103=IFCQUANTITYLENGTH('Length',$,$,3200.,$);",
    "#104=IFCELEMENTQUANTITY('0qTY000000000000000001',$,'Qto',$,$,(#103));",
    "#105=IFCWALLTYPE('0tYPE00000000000000001',$,'W240',$,$,(#101,#104),$,$,$,.SOLIDWALL.);",
    "#106=IFCRELDEFINESBYTYPE('0rDT000000000000000001',$,$,$,(#13),#105);",
    "#107=IFCPROJECTEDCRS('EPSG:4547',$,$,$,$,$,#7);",
    "#108=IFCMAPCONVERSION(#2,#107,529299860.,3385869453.,23500.,1.,0.,1.);",
    "#109=IFCPOSTALADDRESS($,$,$,$,('a'),$,'b',$,$,$);",
)
TOKENS = [match.span() for match in re.finditer(rb"#\d+|\$|'[^'\n]*'|-?\d+\.\d*|\.\w+\.", WHOLE)]
WRONG = [b"$", b"*", b"#1", b"#13", b"#999", b"'x'", b"''", b"3", b"1.E300", b".T.", b"()", b"(#1)"]
WRONG += [b"(1,2)", b"('a')", b"IFCLABEL('y')", b"", b"\xff", b"'", b"/*", b";", b"((1.))"]


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.sampled_from(TOKENS), st.sampled_from(WRONG)), max_size=4))
def test_wrong_tokens_give_rows_or_a_typed_refusal(tmp_path, changes):
    data = WHOLE
    for (start, stop), wrong in sorted(changes, reverse=True):
        data = data[:start] + wrong + data[stop:]
    source, safe, out = (tmp_path / name for name in ("in.ifc", "safe.ifc", "rows"))
    source.write_bytes(data)
    try:
        normalise(source, safe)
        extract_file(str(safe), str(out))
    except CityError:
        return
    rows = load(out).rows
    guids = [row.guid for row in rows]
    assert len(set(guids)) == len(guids)
    assert all(row.parent in guids for row in rows[1:])
