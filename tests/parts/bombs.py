"""Small files that kill, hang or fill the process that follows them, and their kin.

Each is a house with one wall called "bomb" whose body is ``item``, and the lines of the bomb (ids
from #1000). What may happen to them stands in the tests.
"""

from tests.parts.ifc_text import HOUSE, ifc

KIT = (
    "#50=IFCRECTANGLEPROFILEDEF(.AREA.,$,$,2000.,1000.);",
    "#51=IFCDIRECTION((0.,0.,1.));",
    "#52=IFCEXTRUDEDAREASOLID(#50,$,#51,3000.);",
    "#53=IFCPLANE(#15);",
    "#54=IFCHALFSPACESOLID(#53,.F.);",
    "#55=IFCCIRCLEPROFILEDEF(.AREA.,$,$,500.);",
    "#56=IFCCARTESIANPOINT((0.,0.));",
    "#57=IFCCARTESIANTRANSFORMATIONOPERATOR3D($,$,#5,$,$);",
    "#58=IFCCIRCLE(#59,500.);",
    "#59=IFCAXIS2PLACEMENT2D(#56,$);",
)
BOMB = "0bOMB00000000000000001"


def model(*lines, item=52, at=14, kind="SweptSolid"):
    """Return the file of one bomb."""
    wall = (
        f"#60=IFCSHAPEREPRESENTATION(#2,'Body','{kind}',(#{item}));",
        "#61=IFCPRODUCTDEFINITIONSHAPE($,$,(#60));",
        f"#62=IFCWALL('{BOMB}',$,'bomb',$,$,#{at},#61,$,$);",
        "#63=IFCRELCONTAINEDINSPATIALSTRUCTURE('0rEL0000000000000000C2',$,$,$,(#62),#12);",
    )
    return ifc(*HOUSE, *KIT, *wall, *lines)


def chain(count, line, first):
    """Return ``count`` statements from #1000, each naming the one before, the first ``first``."""
    return [line.format(this=1000 + i, last=999 + i if i else first) for i in range(count)]


def extruded(profile, depth="3000."):
    return f"#1000=IFCEXTRUDEDAREASOLID(#1001,$,#51,{depth});", f"#1001={profile};"


def repeated(text, count):
    return ",".join([text] * count)


def cut(count, tool, first=52):
    return chain(
        count, f"#{{this}}=IFCBOOLEANCLIPPINGRESULT(.DIFFERENCE.,#{{last}},#{tool});", first
    )


def representation(number, items):
    return f"#{number}=IFCSHAPEREPRESENTATION(#2,'Body','MappedRepresentation',({items}));"


def mapped(levels, each):
    """Return nested mapped items: every level holds the next ``each`` times."""
    lines = []
    for level in range(levels):
        here = 1000 + 3 * level
        inner = here + 3 if level < levels - 1 else 52
        lines += [
            f"#{here}=IFCMAPPEDITEM(#{here + 1},#57);",
            f"#{here + 1}=IFCREPRESENTATIONMAP(#4,#{here + 2});",
            representation(here + 2, repeated(f"#{inner}", each)),
        ]
    return lines


def openings(count, profile):
    """Return ``count`` openings in the wall, each of the profile #1001."""
    lines = [*extruded(profile), "#1002=IFCSHAPEREPRESENTATION(#2,'Body','SweptSolid',(#1000));"]
    lines.append("#1003=IFCPRODUCTDEFINITIONSHAPE($,$,(#1002));")
    for i in range(count):
        name = f"0oPN{i:018}"
        lines += [
            f"#{2000 + i}=IFCOPENINGELEMENT('{name}',$,$,$,$,#14,#1003,$,$);",
            f"#{9000 + i}=IFCRELVOIDSELEMENT('0rVD{i:018}',$,$,$,#62,#{2000 + i});",
        ]
    return lines


def polyline(points):
    """Return the profile #1001 along these points."""
    lines = [f"#{1100 + i}=IFCCARTESIANPOINT(({x},{y}));" for i, (x, y) in enumerate(points)]
    refs = ",".join(f"#{1100 + i}" for i in range(len(points)))
    return [
        *extruded("IFCARBITRARYCLOSEDPROFILEDEF(.AREA.,$,#1002)"),
        f"#1002=IFCPOLYLINE(({refs}));",
        *lines,
    ]


def facets(*corners):
    """Return a brep #1000 of one triangle a row of corners (x, y, z texts)."""
    lines, faces, at = [], [], 1100
    for row in corners:
        points = [f"#{at + i}=IFCCARTESIANPOINT(({','.join(p)}));" for i, p in enumerate(row)]
        refs = ",".join(f"#{at + i}" for i in range(len(row)))
        lines += [*points, f"#{at + 50}=IFCPOLYLOOP(({refs}));"]
        lines += [
            f"#{at + 51}=IFCFACEOUTERBOUND(#{at + 50},.T.);",
            f"#{at + 52}=IFCFACE((#{at + 51}));",
        ]
        faces.append(f"#{at + 52}")
        at += 100
    return ["#1000=IFCFACETEDBREP(#1001);", f"#1001=IFCCLOSEDSHELL(({','.join(faces)}));", *lines]


def rel(name, first, second):
    return f"#1000=IFCREL{name}('0rEL0000000000000000X1',$,$,$,{first},{second});"


def body(*lines, kind="SweptSolid"):
    return model(*lines, item=1000, kind=kind)


HUGE, TINY = "1.E300", "1.E-300"
ROUND = [("0.", "0."), ("1000.", "0."), ("1000.", "1000."), ("0.", "0.")]
BOW = [("0.", "0."), ("1000.", "1000."), ("1000.", "0."), ("0.", "1000."), ("0.", "0.")]
COMB = [(f"{i}.", f"{1000 * (i % 2)}.") for i in range(3_000)]
POINT, LINE = [("0.", "0.", "0.")] * 3, [("0.", "0.", "0."), ("1.", "0.", "0."), ("2.", "0.", "0.")]

CYCLES = {
    "placement in itself": model("#1000=IFCLOCALPLACEMENT(#1000,#4);", at=1000),
    "placements in each other": model(
        "#1000=IFCLOCALPLACEMENT(#1001,#4);", "#1001=IFCLOCALPLACEMENT(#1000,#4);", at=1000
    ),
    "boolean of itself": body("#1000=IFCBOOLEANRESULT(.UNION.,#1000,#52);"),
    "booleans of each other": body(
        "#1000=IFCBOOLEANRESULT(.UNION.,#1001,#52);", "#1001=IFCBOOLEANRESULT(.UNION.,#52,#1000);"
    ),
    "mapped item in its own map": body(
        "#1000=IFCMAPPEDITEM(#1001,#57);",
        "#1001=IFCREPRESENTATIONMAP(#4,#1002);",
        "#1002=IFCSHAPEREPRESENTATION(#2,'Body','MappedRepresentation',(#1000));",
    ),
    "solid along itself": body("#1000=IFCEXTRUDEDAREASOLID(#1000,$,#51,3000.);"),
    "composite profile of itself": body(
        *extruded("IFCCOMPOSITEPROFILEDEF(.AREA.,$,(#1001,#1001),$)")
    ),
    "derived profile of itself": body(*extruded("IFCDERIVEDPROFILEDEF(.AREA.,$,#1001,#57,$)")),
    "curve of itself": body(
        *extruded("IFCARBITRARYCLOSEDPROFILEDEF(.AREA.,$,#1002)"),
        "#1002=IFCTRIMMEDCURVE(#1002,(#56),(#56),.T.,.CARTESIAN.);",
    ),
    "composite curve of itself": body(
        *extruded("IFCARBITRARYCLOSEDPROFILEDEF(.AREA.,$,#1002)"),
        "#1002=IFCCOMPOSITECURVE((#1003),.F.);",
        "#1003=IFCCOMPOSITECURVESEGMENT(.CONTINUOUS.,.T.,#1002);",
    ),
    "style of itself": model(
        "#1000=IFCSTYLEDITEM(#52,(#1001),$);", "#1001=IFCPRESENTATIONSTYLEASSIGNMENT((#1001));"
    ),
    "styled item of itself": model("#1000=IFCSTYLEDITEM(#1000,(),$);"),
    "property in itself": model("#1000=IFCCOMPLEXPROPERTY('a',$,'b',(#1000));"),
    "quantity in itself": model("#1000=IFCPHYSICALCOMPLEXQUANTITY('a',$,(#1000),'b',$,$);"),
    "site part of its building": model(rel("AGGREGATES", "#11", "(#10)")),
    "wall part of itself": model(rel("AGGREGATES", "#62", "(#62)")),
    "wall nested in itself": model(rel("NESTS", "#62", "(#62)")),
    "storey contained in itself": model(rel("CONTAINEDINSPATIALSTRUCTURE", "(#12)", "#12")),
    "wall voids itself": model(rel("VOIDSELEMENT", "#62", "#62")),
    "wall fills its own opening": model(
        *openings(1, "IFCCIRCLEPROFILEDEF(.AREA.,$,$,5.)"), rel("FILLSELEMENT", "#2000", "#62")
    ),
    "openings in a circle": model(
        *openings(1, "IFCCIRCLEPROFILEDEF(.AREA.,$,$,5.)"),
        "#9500=IFCRELVOIDSELEMENT('0rEL0000000000000000X2',$,$,$,#2000,#62);",
    ),
    "unit of itself": model(
        "#1000=IFCCONVERSIONBASEDUNIT(#1002,.LENGTHUNIT.,'X',#1001);",
        "#1001=IFCMEASUREWITHUNIT(IFCRATIOMEASURE(0.3),#1000);",
        "#1002=IFCDIMENSIONALEXPONENTS(1,0,0,0,0,0,0);",
    ),
    "context in itself": model(
        "#1000=IFCGEOMETRICREPRESENTATIONSUBCONTEXT('Body','Model',*,*,*,*,#1000,$,.MODEL_VIEW.,$);"
    ),
    "classification in itself": model("#1000=IFCCLASSIFICATIONREFERENCE($,'a','b',#1000,$,$);"),
    "organisation at itself": model("#1000=IFCORGANIZATION($,'a',$,$,(#1000));"),
    "type that is its own type": model(
        "#1001=IFCWALLTYPE('0tYP00000000000000001',$,$,$,$,$,$,$,$,.SOLIDWALL.);",
        rel("DEFINESBYTYPE", "(#1001)", "#1001"),
    ),
    "group in itself": model(
        "#1001=IFCGROUP('0gRP00000000000000001',$,$,$,$);",
        "#1000=IFCRELASSIGNSTOGROUP('0rEL0000000000000000X1',$,$,$,(#1001),$,#1001);",
    ),
    "spatial structure of a wall": model(rel("CONTAINEDINSPATIALSTRUCTURE", "(#12)", "#62")),
}

DEPTHS = {
    "200 cuts": model(*cut(200, 54), item=1199, kind="Clipping"),
    "20,000 cuts": model(*cut(20_000, 54), item=20_999, kind="Clipping"),
    "90 cuts by solids": model(*cut(90, 52), item=1089, kind="Clipping"),
    "500 placements": model(*chain(500, "#{this}=IFCLOCALPLACEMENT(#{last},#15);", 14), at=1499),
    "100,000 placements": model(
        *chain(100_000, "#{this}=IFCLOCALPLACEMENT(#{last},#15);", 14), at=100_999
    ),
    "5,000 complex properties": model(
        *chain(5_000, "#{this}=IFCCOMPLEXPROPERTY('a',$,'b',(#{last}));", 56)
    ),
    "5,000 classification references": model(
        *chain(5_000, "#{this}=IFCCLASSIFICATIONREFERENCE($,'a','b',#{last},$,$);", 56)
    ),
    "2,000 nested mapped items": model(*mapped(2_000, 1), item=1000, kind="MappedRepresentation"),
    "40 mapped items doubled": model(*mapped(40, 2), item=1000, kind="MappedRepresentation"),
    "6 mapped items times 100": model(*mapped(6, 100), item=1000, kind="MappedRepresentation"),
    "14 mapped items doubled": model(*mapped(14, 2), item=1000, kind="MappedRepresentation"),
    "40 booleans doubled": model(
        *chain(40, "#{this}=IFCBOOLEANRESULT(.UNION.,#{last},#{last});", 52), item=1039
    ),
    "properties doubled 40 times": model(
        *chain(40, "#{this}=IFCCOMPLEXPROPERTY('a',$,'b',(#{last},#{last}));", 56)
    ),
    "3,000 wholes": model(
        *(
            line
            for i in range(3_000)
            for line in (
                f"#{10_000 + i}=IFCELEMENTASSEMBLY('0aSM{i:018}',$,$,$,$,#14,$,$,$,$);",
                f"#{20_000 + i}=IFCRELAGGREGATES('x',$,$,$,#{10_000 + i},(#{10_001 + i}));",
            )
        )
    ),
    "200,000 parentheses": model(f"#1000=IFCX({'(' * 200_000}{')' * 200_000});"),
    "5,000,000 open parentheses": model("#1000=IFCCARTESIANPOINT(" + "(" * 5_000_000 + ");"),
    "parentheses of a type": model("#1000=IFCX(" + "IFCLABEL(" * 50_000 + ")" * 50_000 + ");"),
}

SIZES = {
    "coordinates of 1e300": model(
        "#1000=IFCLOCALPLACEMENT($,#1001);",
        "#1001=IFCAXIS2PLACEMENT3D(#1002,$,$);",
        f"#1002=IFCCARTESIANPOINT(({HUGE},{HUGE},{HUGE}));",
        at=1000,
    ),
    "numbers beyond any": model(
        "#1000=IFCLOCALPLACEMENT($,#1001);",
        "#1001=IFCAXIS2PLACEMENT3D(#1002,$,$);",
        "#1002=IFCCARTESIANPOINT((1.E999,-1.E999,0.));",
        at=1000,
    ),
    "extruded 1e300": body(*extruded("IFCCIRCLEPROFILEDEF(.AREA.,$,$,1.)", HUGE)),
    "extruded by nothing": body(*extruded("IFCCIRCLEPROFILEDEF(.AREA.,$,$,1.)", "0.")),
    "extruded backwards": body(*extruded("IFCCIRCLEPROFILEDEF(.AREA.,$,$,1.)", "-5.")),
    "extruded along nothing": body(
        "#1000=IFCEXTRUDEDAREASOLID(#50,$,#1001,3000.);", "#1001=IFCDIRECTION((0.,0.,0.));"
    ),
    "axes that are one": model(
        "#1000=IFCLOCALPLACEMENT($,#1001);", "#1001=IFCAXIS2PLACEMENT3D(#5,#51,#51);", at=1000
    ),
    "circle of 1e300": body(*extruded(f"IFCCIRCLEPROFILEDEF(.AREA.,$,$,{HUGE})")),
    "circle of 1 km in 5 mm steps": body(*extruded("IFCCIRCLEPROFILEDEF(.AREA.,$,$,1.E6)")),
    "circle of nothing": body(*extruded("IFCCIRCLEPROFILEDEF(.AREA.,$,$,0.)")),
    "circle of less": body(*extruded("IFCCIRCLEPROFILEDEF(.AREA.,$,$,-1.)")),
    "rectangle of 1e-300": body(*extruded(f"IFCRECTANGLEPROFILEDEF(.AREA.,$,$,{TINY},{TINY})")),
    "pipe with a wall wider than it": body(
        *extruded("IFCCIRCLEHOLLOWPROFILEDEF(.AREA.,$,$,10.,99.)")
    ),
    "rounded beyond its sides": body(
        *extruded("IFCROUNDEDRECTANGLEPROFILEDEF(.AREA.,$,$,10.,10.,99.)")
    ),
    "profile of one point": body(*polyline([("0.", "0.")])),
    "profile of one place": body(*polyline([("0.", "0.")] * 4)),
    "profile that crosses itself": body(*polyline(BOW)),
    "profile of 3,000 teeth": body(*polyline([*COMB, COMB[0]])),
    "profile without area": body(*polyline([("0.", "0."), ("9.", "0."), ("0.", "0.")])),
    "brep of one place": body(*facets(POINT, POINT), kind="Brep"),
    "brep of one line": body(*facets(LINE, LINE, LINE), kind="Brep"),
    "brep of 1e300": body(
        *facets([(HUGE, "0.", "0."), ("0.", HUGE, "0."), ("0.", "0.", HUGE)]), kind="Brep"
    ),
    "faces of points that are not there": body(
        "#1000=IFCTRIANGULATEDFACESET(#1001,$,.T.,((1,2,999999999)),$);",
        "#1001=IFCCARTESIANPOINTLIST3D(((0.,0.,0.),(1.,0.,0.)));",
        kind="Tessellation",
    ),
    "faces of points below the first": body(
        "#1000=IFCTRIANGULATEDFACESET(#1001,$,.T.,((0,-1,-2147483648)),$);",
        "#1001=IFCCARTESIANPOINTLIST3D(((0.,0.,0.),(1.,0.,0.)));",
        kind="Tessellation",
    ),
    "200,000 faces on one point": body(
        f"#1000=IFCTRIANGULATEDFACESET(#1001,$,.T.,({repeated('(1,1,1)', 200_000)}),$);",
        "#1001=IFCCARTESIANPOINTLIST3D(((0.,0.,0.)));",
        kind="Tessellation",
    ),
    "revolved a million times": body(
        "#1000=IFCREVOLVEDAREASOLID(#50,$,#1001,6.28E6);", "#1001=IFCAXIS1PLACEMENT(#5,#51);"
    ),
    "swept along a circle too small": body(
        "#1000=IFCSWEPTDISKSOLID(#58,9999.,$,$,$);", kind="AdvancedSweptSolid"
    ),
    "spline of degree 1,000,000": body(
        *extruded("IFCARBITRARYCLOSEDPROFILEDEF(.AREA.,$,#1002)"),
        "#1002=IFCBSPLINECURVEWITHKNOTS(1000000,(#56,#56),.UNSPECIFIED.,.F.,.F.,(2,2),(0.,1.),"
        ".UNSPECIFIED.);",
    ),
    "knots 2,000,000,000 times": body(
        *extruded("IFCARBITRARYCLOSEDPROFILEDEF(.AREA.,$,#1002)"),
        "#1002=IFCBSPLINECURVEWITHKNOTS(1,(#56,#56),.UNSPECIFIED.,.F.,.F.,(2000000000,2000000000),"
        "(0.,1.),.UNSPECIFIED.);",
    ),
    "scaled by 1e300": body(
        "#1000=IFCMAPPEDITEM(#1001,#1003);",
        "#1001=IFCREPRESENTATIONMAP(#4,#1002);",
        "#1002=IFCSHAPEREPRESENTATION(#2,'Body','SweptSolid',(#52));",
        f"#1003=IFCCARTESIANTRANSFORMATIONOPERATOR3D($,$,#5,{HUGE},$);",
        kind="MappedRepresentation",
    ),
    "300 openings in one place": model(*openings(300, "IFCCIRCLEPROFILEDEF(.AREA.,$,$,400.)")),
    "100,000 copies in one body": model(
        f"#1000=IFCSHAPEREPRESENTATION(#2,'Body','SweptSolid',({repeated('#52', 100_000)}));",
        "#1001=IFCPRODUCTDEFINITIONSHAPE($,$,(#1000));",
        "#1002=IFCWALL('0bOMB00000000000000002',$,'bomb',$,$,#14,#1001,$,$);",
    ),
    "line number beyond any": model("#99999999999999999999=IFCWALL('x',$,$,$,$,$,$,$,$);"),
    "a million numbers in a list": model(f"#1000=IFCX(({repeated('1.', 1_000_000)}));"),
    "a text of 20 MB": model(f"#1000=IFCPERSON('{'x' * 20_000_000}',$,$,$,$,$,$,$);"),
    "200,000 properties in a set": model(
        "#1000=IFCPROPERTYSINGLEVALUE('a',$,IFCREAL(1.),$);",
        f"#1001=IFCPROPERTYSET('0pST00000000000000001',$,'P',$,({repeated('#1000', 200_000)}));",
        "#1002=IFCRELDEFINESBYPROPERTIES('0rEL0000000000000000X3',$,$,$,(#62),#1001);",
    ),
    "a wall with 100,000 types": model(
        "#1001=IFCWALLTYPE('0tYP00000000000000001',$,$,$,$,$,$,$,$,.SOLIDWALL.);",
        rel("DEFINESBYTYPE", f"({repeated('#62', 100_000)})", "#1001"),
    ),
}

BOMBS = {**CYCLES, **DEPTHS, **SIZES}
