"""A house as firms deliver it: Chinese, with faults of many kinds; and its next delivery.

Without any position; its walls have bodies, so that a finding has a place to look at.
"""

from tests.parts.ifc_text import HOUSE, ifc

WALL, ADDED, LOOSE, LATER = (f"2{name:0<21}" for name in ("wALL", "aDDED", "lOOSE", "lATER"))
BODY = (
    "#100=IFCPRODUCTDEFINITIONSHAPE($,$,(#101));",
    "#101=IFCSHAPEREPRESENTATION(#2,'Body','SweptSolid',(#102));",
    "#102=IFCEXTRUDEDAREASOLID(#103,#4,#106,3000.);",
    "#103=IFCRECTANGLEPROFILEDEF(.AREA.,$,#104,12000.,400.);",
    "#104=IFCAXIS2PLACEMENT2D(#105,$);",
    "#105=IFCCARTESIANPOINT((0.,0.));",
    "#106=IFCDIRECTION((0.,0.,1.));",
)


def wall(line, guid, name):
    """Return the statements of a wall with a body, in a place of its own: ids from ``line`` on."""
    return (
        f"#{line}=IFCWALL('{guid}',$,'{name}',$,'砖墙',#{line + 1},#100,'T-{line}',.SOLIDWALL.);",
        f"#{line + 1}=IFCLOCALPLACEMENT(#6,#{line + 2});",
        f"#{line + 2}=IFCAXIS2PLACEMENT3D(#{line + 3},$,$);",
        f"#{line + 3}=IFCCARTESIANPOINT((2000.,{(line - 90) * 200}.,0.));",
    )


def house(*walls, contained):
    """Return the lines of the house with these walls; ``contained``: their ids, in its storey."""
    told = "(" + ",".join(f"#{line}" for line in contained) + ")"
    shown = [line.replace("#14,$,'T-1'", "#14,#100,'T-1'").replace("(#13)", told) for line in HOUSE]
    named = [line.replace("'House'", "'光谷小屋 <一>'") for line in shown]
    own = [line.replace("('0", "('2") for line in named]  # GUIDs that no other test delivers
    return [*own, *BODY, *(line for lines in walls for line in lines)]


FIRST = ifc(
    *house(
        wall(110, WALL, "重复的墙"),
        wall(120, LOOSE, "无所属的墙"),
        wall(130, "墙!?", "编号错误的墙"),
        wall(140, ADDED, "坏转义 \\X2\\4E2"),
        contained=(13, 110, 130, 140),
    )
).replace("砖墙".encode(), "砖墙".encode("gb18030"), 1)
"""As first delivered: a GlobalId twice, one that is none, a wall nowhere, broken texts."""

SECOND = ifc(
    *house(
        wall(120, LOOSE, "无所属的墙"),
        wall(140, ADDED, "转义 \\X2\\4E2D\\X0\\"),
        wall(150, LATER, "又一面墙"),
        wall(160, LATER, "又一面墙"),
        contained=(13, 140, 150, 160),
    )
)
"""Corrected, but for the wall nowhere; and with a fault that the first did not have."""
