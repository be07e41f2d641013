"""The QR of a code: the absolute address of its resolver, as SVG or PNG. Pure."""

import io

import segno

from identity import code as universal
from identity.errors import Invalid

MEDIA = {"svg": "image/svg+xml", "png": "image/png"}
SCALE, SCALE_MAX = 8, 40  # pixels of one module
QUIET_MODULES = 4  # the quiet zone round the symbol (ISO/IEC 18004, 9.1)
ERROR_LEVEL = "m"  # 15 % of the symbol may be dirty or torn


def image(url: str, form: str, scale: int) -> bytes:
    """Return the QR of ``url``; ``scale``: pixels of one module, 1 … SCALE_MAX."""
    out = io.BytesIO()
    drawn = segno.make_qr(url, error=ERROR_LEVEL)
    light = "#fff"
    drawn.save(out, kind=form, scale=scale, border=QUIET_MODULES, light=light)
    return out.getvalue()


def form(asked: str | None, accept: str) -> str:
    """Return "svg" or "png": what is asked for by name, else what Accept names first, else svg.

    Raises Invalid("qr_format_unknown").
    """
    if asked is not None:
        if asked not in MEDIA:
            raise Invalid("qr_format_unknown", format=asked[:20], known=sorted(MEDIA))
        return asked
    named = [part.split(";")[0].strip() for part in accept.split(",")]
    known = [name for media in named for name, said in MEDIA.items() if said == media]
    return known[0] if known else "svg"


def urn(code: str) -> str:
    """Return the code as ``urn:uic:cn:…``."""
    return universal.URN + code
