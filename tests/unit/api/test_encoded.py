"""A frame that is encoded once is the frame that a WebSocket library writes."""

import pytest
from websockets.frames import Frame, Opcode

from api.encoded import text_frame


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
def test_a_text_frame_is_what_the_library_writes(size):
    text = b"x" * size
    assert text_frame(text) == Frame(Opcode.TEXT, text).serialize(mask=False)
