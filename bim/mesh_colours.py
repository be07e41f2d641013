"""Colours of bodies: the file's own surface style, else one by class (as drawings print them)."""

import math
from typing import Any

Rgba = tuple[int, int, int, int]

OPACITY_MIN = 0.1  # a fully transparent style would hide a product for good
BY_CLASS: dict[str, Rgba] = {
    "IfcSpace": (120, 180, 220, 70),
    "IfcWindow": (150, 190, 215, 140),
    "IfcPlate": (170, 195, 210, 255),
    "IfcCurtainWall": (150, 190, 215, 140),
    "IfcDoor": (150, 110, 80, 255),
    "IfcWall": (222, 216, 205, 255),
    "IfcSlab": (190, 190, 188, 255),
    "IfcRoof": (160, 95, 75, 255),
    "IfcStair": (180, 175, 165, 255),
    "IfcRailing": (120, 120, 125, 255),
    "IfcColumn": (175, 175, 180, 255),
    "IfcBeam": (165, 165, 172, 255),
    "IfcMember": (165, 165, 172, 255),
    "IfcFooting": (150, 148, 145, 255),
    "IfcCovering": (225, 222, 215, 255),
    "IfcFurnishingElement": (178, 140, 100, 255),
    "IfcSite": (140, 160, 110, 255),
    "IfcGeographicElement": (120, 155, 95, 255),
    "IfcDistributionElement": (110, 140, 165, 255),
    "IfcPavement": (105, 105, 108, 255),
}
OTHER: Rgba = (200, 198, 194, 255)
PLACEHOLDER: Rgba = (235, 120, 40, 120)


def rgba(style: Any, product: Any) -> Rgba:
    """Return the colour of one of the kernel's styles; NaN means that the file says nothing.

    A style that the file does not hold is the kernel's own grey: then the class decides.
    """
    parts = (style.diffuse.r(), style.diffuse.g(), style.diffuse.b())
    if not style.name.startswith("IfcSurfaceStyle") or not all(map(math.isfinite, parts)):
        return of_class(product)
    alpha = 1.0 - style.transparency if math.isfinite(style.transparency) else 1.0
    alpha = max(alpha, OPACITY_MIN)
    red, green, blue, opacity = (round(255 * min(max(part, 0.0), 1.0)) for part in (*parts, alpha))
    return red, green, blue, opacity


def of_class(product: Any) -> Rgba:
    """Return the colour of the nearest class above the product's own that has one."""
    return next((colour for name, colour in BY_CLASS.items() if product.is_a(name)), OTHER)
