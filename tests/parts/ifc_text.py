"""Small IFC files made by hand, as bytes: each test writes only the lines it is about."""

PROJECT = (
    "#1=IFCPROJECT('0pROJECT00000000000001',$,'Demo',$,$,$,$,(#2),#3);",
    "#2=IFCGEOMETRICREPRESENTATIONCONTEXT($,'Model',3,1.E-05,#4,$);",
    "#3=IFCUNITASSIGNMENT((#7,#8,#9));",
    "#4=IFCAXIS2PLACEMENT3D(#5,$,$);",
    "#5=IFCCARTESIANPOINT((0.,0.,0.));",
    "#6=IFCLOCALPLACEMENT($,#4);",
    "#7=IFCSIUNIT(*,.LENGTHUNIT.,.MILLI.,.METRE.);",
    "#8=IFCSIUNIT(*,.AREAUNIT.,$,.SQUARE_METRE.);",
    "#9=IFCSIUNIT(*,.PLANEANGLEUNIT.,$,.RADIAN.);",
)
SITE, BUILDING, STOREY, WALL = (f"0{name:0<21}" for name in ("sITE", "bUILDING", "sTOREY", "wALL"))
HOUSE = (
    *PROJECT,
    f"#10=IFCSITE('{SITE}',$,'Site',$,$,#6,$,$,.ELEMENT.,$,$,$,$,$);",
    f"#11=IFCBUILDING('{BUILDING}',$,'House',$,$,#6,$,$,.ELEMENT.,$,$,$);",
    f"#12=IFCBUILDINGSTOREY('{STOREY}',$,'Ground floor',$,$,#6,$,$,.ELEMENT.,-1500.);",
    f"#13=IFCWALL('{WALL}',$,'Wall 1',$,'Brick',#14,$,'T-1',.SOLIDWALL.);",
    "#14=IFCLOCALPLACEMENT(#6,#15);",
    "#15=IFCAXIS2PLACEMENT3D(#16,$,$);",
    "#16=IFCCARTESIANPOINT((2000.,3000.,0.));",
    "#17=IFCRELAGGREGATES('0rEL0000000000000000A1',$,$,$,#1,(#10));",
    "#18=IFCRELAGGREGATES('0rEL0000000000000000A2',$,$,$,#10,(#11));",
    "#19=IFCRELAGGREGATES('0rEL0000000000000000A3',$,$,$,#11,(#12));",
    "#20=IFCRELCONTAINEDINSPATIALSTRUCTURE('0rEL0000000000000000C1',$,$,$,(#13),#12);",
)
"""Project > site > building > storey > wall, in millimetres; free ids from #100 on."""

HEADER = (
    "FILE_DESCRIPTION((''),'2;1');\nFILE_NAME('a.ifc','2026-01-01T00:00:00',(''),(''),'','','');"
)


def ifc(*lines, schema="IFC4", header=HEADER, encoding="utf-8"):
    """Return a whole file with these statements in DATA."""
    return (
        f"ISO-10303-21;\nHEADER;\n{header}\nFILE_SCHEMA(('{schema}'));\nENDSEC;\nDATA;\n"
        + "\n".join(lines)
        + "\nENDSEC;\nEND-ISO-10303-21;\n"
    ).encode(encoding)


def named(text, *, encoding="utf-8"):
    """Return a house whose wall is called ``text``, raw in ``encoding``."""
    return ifc(*HOUSE, encoding=encoding).replace(b"Wall 1", text.encode(encoding))
