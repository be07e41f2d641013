"""A binding never keeps a citizen's identity number."""

import pytest

from cim.stores.memory import MemoryGraph
from identity.errors import Invalid
from sensors.bindings import Bind, bind

NUMBER = "11010519491231002X"  # the sample of GB 11643's own text


@pytest.mark.anyio
@pytest.mark.parametrize("field", ["device", "name", "owner"])
async def test_an_identity_number_is_refused_in_any_text_of_a_binding(field):
    graph = MemoryGraph(lambda: 1.0)
    said = {"device": "meter-1", "code": "420111990101000000015", field: NUMBER}
    with pytest.raises(Invalid) as caught:
        await bind(graph, graph, lambda: 1.0, "420111", Bind(**said))
    assert caught.value.code == "identity_number_refused"
    assert NUMBER not in str(caught.value)
