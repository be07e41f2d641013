"""What things are made of and classified as: sets, usages, types, systems, in three schemas."""

import msgspec
import pytest

from bim.extract import extract_file, load
from bim.normalise import normalise
from bim.translate import translate
from tests.parts.ifc_text import HOUSE, WALL, ifc

MADE = "#300=IFCRELASSOCIATESMATERIAL('0rAM000000000000000001',$,$,$,({to}),#200);"
CLASSED = "#3{n}=IFCRELASSOCIATESCLASSIFICATION('0rAC00000000000000000{n}',$,$,$,(#{to}),#{what});"
TYPED = (
    "#150=IFCWALLTYPE('0tYPE00000000000000001',$,'W',$,$,$,$,$,$,.SOLIDWALL.);",
    "#151=IFCRELDEFINESBYTYPE('0rDT000000000000000001',$,$,$,(#13),#150);",
)
GB = "#210=IFCCLASSIFICATION('住房和城乡建设部','2017',$,'GB/T 51269',$,$,$);"
CODE = {"system": "GB/T 51269", "edition": "2017", "source": "住房和城乡建设部"}


def extracted(tmp_path, *lines, schema="IFC4"):
    source, target, out = (tmp_path / name for name in ("in.ifc", "safe.ifc", "out.rows"))
    source.write_bytes(ifc(*HOUSE, *lines, schema=schema))
    normalise(source, target)
    extract_file(str(target), str(out))
    return load(out)


def wall_of(tmp_path, *lines, schema="IFC4"):
    extract = extracted(tmp_path, *lines, schema=schema)
    return next(row for row in extract.rows if row.guid == WALL)


BRICK, WOOL = "#201=IFCMATERIAL('Brick',$,'Ceramic');", "#202=IFCMATERIAL('Wool',$,$);"
MADE_OF = {  # the associated #200 and more: what is read
    "material": (["#200=IFCMATERIAL('砖',$,$);"], {"name": "砖", "parts": [{"material": "砖"}]}),
    "list": (
        ["#200=IFCMATERIALLIST((#201,#202));"],
        {"parts": [{"material": "Brick", "category": "Ceramic"}, {"material": "Wool"}]},
    ),
    "layers": (
        [
            "#200=IFCMATERIALLAYERSETUSAGE(#203,.AXIS2.,.NEGATIVE.,-120.,3000.);",
            "#203=IFCMATERIALLAYERSET((#204,#205,#206),'Outer wall',$);",
            "#204=IFCMATERIALLAYER(#201,240.,.F.,'Bearing',$,'LoadBearing',$);",
            "#205=IFCMATERIALLAYER(#202,0.,.U.,$,$,$,$);",
            "#206=IFCMATERIALLAYER($,40.,.T.,$,$,$,$);",
        ],
        {
            "name": "Outer wall",
            "parts": [
                {
                    "material": "Brick",
                    "category": "LoadBearing",
                    "name": "Bearing",
                    "thickness_m": 0.24,
                    "ventilated": False,
                },
                {"material": "Wool", "thickness_m": 0.0},
                {"thickness_m": 0.04, "ventilated": True},
            ],
            "usage": {
                "direction": "AXIS2",
                "sense": "NEGATIVE",
                "offset_m": -0.12,
                "extent_m": 3.0,
            },
        },
    ),
    "layer": (
        ["#200=IFCMATERIALLAYER(#202,40.,$,$,$,$,$);"],
        {"parts": [{"material": "Wool", "thickness_m": 0.04}]},
    ),
    "constituents": (
        [
            "#200=IFCMATERIALCONSTITUENTSET('Door',$,(#203));",
            "#203=IFCMATERIALCONSTITUENT('Lining',$,#202,0.25,'Frame');",
        ],
        {
            "name": "Door",
            "parts": [
                {"material": "Wool", "category": "Frame", "name": "Lining", "fraction": 0.25}
            ],
        },
    ),
    "profiles": (
        [
            "#200=IFCMATERIALPROFILESETUSAGE(#203,5,2000.);",
            "#203=IFCMATERIALPROFILESET('Column',$,(#204),$);",
            "#204=IFCMATERIALPROFILE('P',$,#202,#205,$,$);",
            "#205=IFCRECTANGLEPROFILEDEF(.AREA.,'40x40',$,40.,40.);",
        ],
        {
            "name": "Column",
            "parts": [{"material": "Wool", "name": "P", "profile": "40x40"}],
            "usage": {"cardinal_point": 5, "extent_m": 2.0},
        },
    ),
}


@pytest.mark.parametrize("kind", MADE_OF)
def test_every_kind_of_material_says_its_parts(tmp_path, kind):
    lines, said = MADE_OF[kind]
    wall = wall_of(tmp_path, *lines, BRICK, WOOL, MADE.format(to="#13"))
    assert wall.materials == ({"kind": kind, **said},)


def test_materials_of_the_type_hold_until_the_wall_has_its_own(tmp_path):
    lines = ("#200=IFCMATERIAL('Brick',$,$);", *TYPED, MADE.format(to="#150"))
    own = (
        "#201=IFCMATERIAL('Wool',$,$);",
        "#301=IFCRELASSOCIATESMATERIAL('0rAM000000000000000002',$,$,$,(#13),#201);",
    )
    assert [m["name"] for m in wall_of(tmp_path, *lines).materials] == ["Brick"]
    assert [m["name"] for m in wall_of(tmp_path, *lines, *own).materials] == ["Wool"]


@pytest.mark.parametrize("what", ["$", "#13", "#999", "'Brick'", "IFCLABEL('Brick')"])
def test_what_is_no_material_is_no_reason_to_lose_the_wall(tmp_path, what):
    line = MADE.format(to="#13").replace("#200", what)
    wall = wall_of(tmp_path, line)
    assert (wall.name, wall.tag) == ("Wall 1", "T-1")
    assert wall.materials == (({"kind": "IfcWall"},) if what == "#13" else ())


def test_a_code_says_its_system_and_what_stands_between(tmp_path):
    lines = (
        "#200=IFCCLASSIFICATIONREFERENCE($,'14-10.20.03','外墙',#201,$,$);",
        "#201=IFCCLASSIFICATIONREFERENCE('http://x','14-10.20','墙',#202,$,$);",
        "#202=IFCCLASSIFICATIONREFERENCE($,'14-10','结构',#210,$,$);",
    )
    wall = wall_of(tmp_path, *lines, GB, CLASSED.format(n=1, to=13, what=200))
    assert wall.classifications == (
        {
            **CODE,
            "code": "14-10.20.03",
            "name": "外墙",
            "above": [
                {"location": "http://x", "code": "14-10.20", "name": "墙"},
                {"code": "14-10", "name": "结构"},
            ],
        },
    )


@pytest.mark.parametrize("schema", ["IFC2X3", "IFC4", "IFC4X3_ADD2"])
def test_a_code_is_read_in_every_schema(tmp_path, schema):
    old = schema == "IFC2X3"
    lines = (
        f"#200=IFCCLASSIFICATIONREFERENCE($,'14-10','墙',#210{'' if old else ',$,$'});",
        GB.replace(",$,$,$);", ");") if old else GB,
        CLASSED.format(n=1, to=13, what=200),
    )
    house = wall_of(tmp_path, *lines, schema=schema)
    assert house.classifications == ({**CODE, "code": "14-10", "name": "墙"},)


def test_ifc2x3_may_say_a_code_in_facets(tmp_path):
    lines = (
        "#200=IFCCLASSIFICATIONNOTATION((#201,#202));",
        "#201=IFCCLASSIFICATIONNOTATIONFACET('14-');",
        "#202=IFCCLASSIFICATIONNOTATIONFACET('10');",
        CLASSED.format(n=1, to=13, what=200),
    )
    assert wall_of(tmp_path, *lines, schema="IFC2X3").classifications == ({"code": "14-10"},)


def test_a_system_of_the_wall_hides_that_of_its_type_and_no_other(tmp_path):
    lines = (
        *TYPED,
        GB,
        "#211=IFCCLASSIFICATION($,$,$,'JGJ/T 496',$,$,$);",
        "#200=IFCCLASSIFICATIONREFERENCE($,'own',$,#210,$,$);",
        "#201=IFCCLASSIFICATIONREFERENCE($,'hidden',$,#210,$,$);",
        "#202=IFCCLASSIFICATIONREFERENCE($,'other',$,#211,$,$);",
        CLASSED.format(n=1, to=13, what=200),
        CLASSED.format(n=2, to=150, what=201),
        CLASSED.format(n=3, to=150, what=202),
    )
    codes = [said["code"] for said in wall_of(tmp_path, *lines).classifications]
    assert codes == ["own", "other"]


def test_the_projects_only_system_is_that_of_a_code_without_one(tmp_path):
    lines = (
        GB,
        "#200=IFCCLASSIFICATIONREFERENCE($,'14-10',$,$,$,$);",
        CLASSED.format(n=1, to=13, what=200),
        CLASSED.format(n=2, to=1, what=210),
    )
    extract = extracted(tmp_path, *lines)
    project, wall = extract.rows[0], next(row for row in extract.rows if row.guid == WALL)
    assert project.classifications == (CODE,)
    assert wall.classifications == ({**CODE, "system_from": "project", "code": "14-10"},)
    other = ("#211=IFCCLASSIFICATION($,$,$,'Other',$,$,$);", CLASSED.format(n=3, to=1, what=211))
    assert wall_of(tmp_path, *lines, *other).classifications == ({"code": "14-10"},)


def test_the_city_is_told_both(tmp_path):
    lines = (
        GB,
        "#200=IFCMATERIAL('Brick',$,$);",
        MADE.format(to="#13"),
        CLASSED.format(n=1, to=13, what=210),
    )
    things = {thing.key: thing for thing in translate(extracted(tmp_path, *lines), {})}
    said = msgspec.json.decode(msgspec.json.encode(things[WALL].properties))
    assert said["materials"] == [
        {"kind": "material", "name": "Brick", "parts": [{"material": "Brick"}]}
    ]
    assert said["classifications"] == [CODE]
    plain = {thing.key: thing for thing in translate(extracted(tmp_path), {})}
    assert not {"materials", "classifications"} & plain[WALL].properties.keys()
