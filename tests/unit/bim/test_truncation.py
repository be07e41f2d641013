"""A file that stops early is refused, wherever it stops."""

import pytest

from bim.normalise import normalise
from identity.errors import CityError
from tests.parts.ifc_text import HOUSE, ifc, named

END = b"END-ISO-10303-21;"
REAL = [
    "pcert-building-architecture.ifc",
    "infra-bridge.ifc",
    "PR-Twin-Branch-PavementElements.ifc",
]


def accepted(tmp_path, data, ends):
    """Return the ends at which ``data`` cut off is not refused as ``ifc_truncated``."""
    source, target = tmp_path / "cut.ifc", tmp_path / "safe.ifc"
    taken = []
    for end in ends:
        source.write_bytes(data[:end])
        try:
            normalise(source, target)
        except CityError as refused:
            if refused.code == "ifc_truncated":
                continue
        taken.append(end)
    return taken


def line_ends(data):
    """Return where the lines before the end mark end."""
    stop = data.rindex(END)
    return [at + 1 for at in range(stop) if data[at] == ord("\n")]


@pytest.mark.parametrize("data", [ifc(*HOUSE), named("外墙 'a;' /* */", encoding="gb18030")])
def test_a_small_file_cut_at_any_line_and_within_lines_is_refused(tmp_path, data):
    data = data.replace(b"DATA;", b"DATA; /* END-ISO-10303-21; */")
    first = data.index(b";") + 1  # before it stands nothing that says IFC
    within = range(first, data.rindex(END) + len(END), 7)
    assert accepted(tmp_path, data, [*line_ends(data), *within]) == []
    assert accepted(tmp_path, data, [len(data)]) == [len(data)]


@pytest.mark.corpus
@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", REAL)
def test_a_real_file_cut_at_any_line_is_refused(shared_dir, tmp_path, name):
    data = (shared_dir / "ifc" / name).read_bytes()
    ends = line_ends(data)
    print(f"{name}: {len(ends)} lines")
    assert accepted(tmp_path, data, [len(data)]) == [len(data)]
    assert accepted(tmp_path, data, ends) == []
