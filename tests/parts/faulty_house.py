"""A house as firms deliver it: Chinese, with faults of many kinds; and its next delivery.

Without any position; its walls have bodies, so that a finding has a place to look at.
"""

from tests.parts.ifc_text import HOUSE, WALL, ifc

ADDED, LOOSE, LATER = (f"0{name:0<21}" for name in ("aDDED", "lOOSE", "lATER"))
BODY = (
    "#100=IFCPRODUCTDEFINITIONSHAPE($,$,(#101));",
    "#101=IFCSHAPEREPRESENTATION(#2,'Body','SweptSolid',(#102));",
    "#102=IFCEXTRUDEDAREASOLID(#103,#4,#106,3000.);",
    "#103=IFCRECTANGLEPROFILEDEF(.AREA.,$,#104,12000.,9000.);",
    "#104=IFCAXIS2PLACEMENT2D(#105,$);",
    "#105=IFCCARTESIANPOINT((0.,0.));",
    "#106=IFCDIRECTION((0.,0.,1.));",
)


def wall(line, guid, name, tag, place="#14"):
    """Return the statement of a wall with a body."""
    return f"#{line}=IFCWALL('{guid}',$,'{name}',$,'砖墙',{place},#100,'{tag}',.SOLIDWALL.);"


def house(*walls, contained):
    """Return the lines of the house with these walls; ``contained``: their lines, in its storey."""
    told = "(" + ",".join(f"#{line}" for line in contained) + ")"
    shown = [line.replace("#14,$,'T-1'", "#14,#100,'T-1'").replace("(#13)", told) for line in HOUSE]
    return [line.replace("'House'", "'光谷小屋 <一>'") for line in shown] + [*BODY, *APART, *walls]


APART = (
    "#120=IFCLOCALPLACEMENT(#6,#121);",
    "#121=IFCAXIS2PLACEMENT3D(#122,$,$);",
    "#122=IFCCARTESIANPOINT((2000.,25000.,0.));",
)

FIRST = ifc(
    *house(
        wall(110, WALL, "重复的墙", "T-2"),
        wall(111, LOOSE, "无所属的墙", "T-3", "#120"),
        wall(112, "墙!?", "编码错误的墙", "T-4", "#120"),
        wall(113, ADDED, "坏转义 \\X2\\4E2", "T-5"),
        contained=(13, 110, 112, 113),
    )
).replace("砖墙".encode(), "砖墙".encode("gb18030"), 1)
"""As first delivered: a GlobalId twice, one that is none, a wall nowhere, broken texts."""

SECOND = ifc(
    *house(
        wall(111, LOOSE, "无所属的墙", "T-3", "#120"),
        wall(113, ADDED, "转义 \\X2\\4E2D\\X0\\", "T-5"),
        wall(114, LATER, "又一面无所属的墙", "T-6", "#120"),
        wall(115, LATER, "又一面", "T-7", "#120"),
        contained=(13, 113, 115),
    )
)
"""Corrected, but for the wall nowhere; and with a fault that the first did not have."""
