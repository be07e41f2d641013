"""Property sets, quantities, units, types and addresses as JSON values."""

import pytest

from bim.extract import extract_file, load
from bim.normalise import normalise
from tests.parts.ifc_text import HOUSE, WALL, ifc


def wall_of(tmp_path, *lines, schema="IFC4", house=HOUSE):
    source, out = tmp_path / "in.ifc", tmp_path / "out.rows"
    source.write_bytes(ifc(*house, *lines, schema=schema))
    extract_file(str(source), str(out))
    return next(row for row in load(out).rows if row.guid == WALL)


def pset(*properties, name="Pset_WallCommon", to="#13"):
    """Return lines for a property set of these property lines (#200 …) on the wall."""
    ids = ",".join(f"#{200 + i}" for i in range(len(properties)))
    return (
        *(f"#{200 + i}={line};" for i, line in enumerate(properties)),
        f"#190=IFCPROPERTYSET('0pSET00000000000000001',$,'{name}',$,({ids}));",
        f"#191=IFCRELDEFINESBYPROPERTIES('0rDP000000000000000001',$,$,$,({to}),#190);",
    )


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("IFCPROPERTYSINGLEVALUE('p',$,IFCLABEL('REI60'),$)", "REI60"),
        ("IFCPROPERTYSINGLEVALUE('p',$,IFCBOOLEAN(.T.),$)", True),
        ("IFCPROPERTYSINGLEVALUE('p',$,IFCLOGICAL(.U.),$)", "UNKNOWN"),
        ("IFCPROPERTYSINGLEVALUE('p',$,IFCINTEGER(7),$)", 7),
        ("IFCPROPERTYSINGLEVALUE('p',$,$,$)", None),
        ("IFCPROPERTYSINGLEVALUE('p',$,IFCLENGTHMEASURE(240.),$)", {"value": 240.0, "unit": "mm"}),
        (
            "IFCPROPERTYSINGLEVALUE('p',$,IFCPOSITIVELENGTHMEASURE(2.),#7)",
            {"value": 2, "unit": "mm"},
        ),
        ("IFCPROPERTYSINGLEVALUE('p',$,IFCAREAMEASURE(3.),$)", {"value": 3.0, "unit": "m2"}),
        ("IFCPROPERTYSINGLEVALUE('p',$,IFCMASSMEASURE(3.),$)", 3.0),
        ("IFCPROPERTYENUMERATEDVALUE('p',$,(IFCLABEL('A'),IFCLABEL('B')),$)", ["A", "B"]),
        ("IFCPROPERTYLISTVALUE('p',$,(IFCINTEGER(1),IFCINTEGER(2)),$)", [1, 2]),
        (
            "IFCPROPERTYBOUNDEDVALUE('p',$,IFCLENGTHMEASURE(9.),IFCLENGTHMEASURE(1.),$,$)",
            {"upper": 9.0, "lower": 1.0, "set_point": None, "unit": "mm"},
        ),
        (
            "IFCPROPERTYTABLEVALUE('p',$,(IFCREAL(1.),IFCREAL(2.)),(IFCREAL(3.),IFCREAL(4.)),$,$,$,$)",
            {"table": [[1.0, 3.0], [2.0, 4.0]]},
        ),
        (
            "IFCPROPERTYREFERENCEVALUE('p',$,$,#99)",
            {"reference": "IfcMaterial", "name": "Brick"},
        ),
        ("IFCCOMPLEXPROPERTY('p',$,'u',(#98))", {"inner": 5}),
    ],
)
def test_each_kind_of_property_becomes_json(tmp_path, line, value):
    others = (
        "#98=IFCPROPERTYSINGLEVALUE('inner',$,IFCINTEGER(5),$);",
        "#99=IFCMATERIAL('Brick',$,$);",
    )
    assert wall_of(tmp_path, *others, *pset(line)).psets == {"Pset_WallCommon": {"p": value}}


def test_the_occurrences_own_value_wins_over_its_types(tmp_path):
    lines = (
        *pset("IFCPROPERTYSINGLEVALUE('own',$,IFCLABEL('mine'),$)"),
        "#110=IFCPROPERTYSINGLEVALUE('own',$,IFCLABEL('the type''s'),$);",
        "#111=IFCPROPERTYSINGLEVALUE('inherited',$,IFCLABEL('yes'),$);",
        "#112=IFCPROPERTYSET('0tSET00000000000000001',$,'Pset_WallCommon',$,(#110,#111));",
        "#113=IFCWALLTYPE('0tYPE00000000000000001',$,'W240',$,$,(#112,#116),$,$,$,.PARTITIONING.);",
        "#114=IFCRELDEFINESBYTYPE('0rDT000000000000000001',$,$,$,(#13),#113);",
        "#115=IFCQUANTITYLENGTH('Width',$,$,240.,$);",
        "#116=IFCELEMENTQUANTITY('0tQTY00000000000000001',$,'Qto_WallBaseQuantities',$,$,(#115));",
    )
    house = [line.replace(".SOLIDWALL.", ".NOTDEFINED.") for line in HOUSE]
    wall = wall_of(tmp_path, *lines, house=house)
    assert wall.psets == {"Pset_WallCommon": {"own": "mine", "inherited": "yes"}}
    width = {"value": 240.0, "unit": "mm"}
    assert wall.quantities == {"Qto_WallBaseQuantities": {"Width": width}}
    assert (wall.type_name, wall.predefined_type) == ("W240", "PARTITIONING")


def test_quantities_bear_their_unit(tmp_path):
    wall = wall_of(
        tmp_path,
        "#100=IFCQUANTITYLENGTH('Length',$,$,3200.,$);",
        "#101=IFCQUANTITYAREA('NetArea',$,$,12.5,$);",
        "#102=IFCQUANTITYCOUNT('Pieces',$,$,4.,$);",
        "#103=IFCQUANTITYLENGTH('Height',$,#104,2.7,$);",
        "#104=IFCSIUNIT(*,.LENGTHUNIT.,$,.METRE.);",
        "#105=IFCPHYSICALCOMPLEXQUANTITY('Layer',$,(#100),'layer',$,$);",
        "#106=IFCELEMENTQUANTITY('0qTY000000000000000001',$,'Qto',$,$,(#100,#101,#102,#103,#105));",
        "#107=IFCRELDEFINESBYPROPERTIES('0rDQ000000000000000001',$,$,$,(#13),#106);",
    )
    assert wall.quantities["Qto"] == {
        "Length": {"value": 3200.0, "unit": "mm"},
        "NetArea": {"value": 12.5, "unit": "m2"},
        "Pieces": {"value": 4.0, "unit": None},
        "Height": {"value": 2.7, "unit": "m"},
        "Layer/Length": {"value": 3200.0, "unit": "mm"},
    }


@pytest.mark.parametrize(
    ("units", "unit_m", "name"),
    [
        (["#7=IFCSIUNIT(*,.LENGTHUNIT.,.CENTI.,.METRE.);"], 0.01, "cm"),
        (
            [
                "#7=IFCCONVERSIONBASEDUNIT(#91,.LENGTHUNIT.,'FOOT',#92);",
                "#91=IFCDIMENSIONALEXPONENTS(1,0,0,0,0,0,0);",
                "#92=IFCMEASUREWITHUNIT(IFCLENGTHMEASURE(304.8),#93);",
                "#93=IFCSIUNIT(*,.LENGTHUNIT.,.MILLI.,.METRE.);",
            ],
            0.3048,
            "[ft_i]",
        ),
    ],
)
def test_units_of_length_scale_and_name_values(tmp_path, units, unit_m, name):
    house = [line for line in HOUSE if not line.startswith("#7=")]
    line = "IFCPROPERTYSINGLEVALUE('p',$,IFCLENGTHMEASURE(1.),$)"
    wall = wall_of(tmp_path, *units, *pset(line), house=house)
    assert wall.origin_m == pytest.approx((2000 * unit_m, 3000 * unit_m, 0))
    assert wall.psets["Pset_WallCommon"]["p"] == {"value": 1.0, "unit": name}


def test_a_derived_unit_is_written_by_its_parts(tmp_path):
    house = [line.replace("(#7,#8,#9)", "(#7,#8,#9,#90)") for line in HOUSE]
    lines = (
        "#90=IFCDERIVEDUNIT((#91,#92,#93),.THERMALTRANSMITTANCEUNIT.,$,$);",
        "#91=IFCDERIVEDUNITELEMENT(#94,1);",
        "#92=IFCDERIVEDUNITELEMENT(#95,-2);",
        "#93=IFCDERIVEDUNITELEMENT(#96,-1);",
        "#94=IFCSIUNIT(*,.POWERUNIT.,$,.WATT.);",
        "#95=IFCSIUNIT(*,.LENGTHUNIT.,$,.METRE.);",
        "#96=IFCSIUNIT(*,.THERMODYNAMICTEMPERATUREUNIT.,$,.KELVIN.);",
    )
    line = "IFCPROPERTYSINGLEVALUE('U',$,IFCTHERMALTRANSMITTANCEMEASURE(0.24),$)"
    wall = wall_of(tmp_path, *lines, *pset(line), house=house)
    assert wall.psets["Pset_WallCommon"]["U"] == {"value": 0.24, "unit": "W.m-2.K-1"}


def test_fixed_property_definitions_are_read_by_attribute(tmp_path):
    lining = (
        "#100=IFCDOORLININGPROPERTIES('0lINING000000000000001',$,'lining',$,"
        "50.,$,$,$,$,$,$,$,$,$,$,$,$);"
    )
    relation = "#101=IFCRELDEFINESBYPROPERTIES('0rDL000000000000000001',$,$,$,(#13),#100);"
    assert wall_of(tmp_path, lining, relation).psets == {
        "IfcDoorLiningProperties": {"LiningDepth": 50.0}
    }


@pytest.mark.parametrize(
    ("address", "line"),
    [
        (
            "$,$,$,$,('珞喻路1037号'),$,'武汉市','湖北省','430074','中国'",
            "中国湖北省武汉市珞喻路1037号 430074",
        ),
        (
            "$,$,$,$,('湖北省武汉市珞喻路1037号'),$,'湖北省武汉市','湖北省',$,$",
            "湖北省武汉市珞喻路1037号",
        ),
        (
            "$,$,$,'B2',('Main St. 1'),$,'Springfield','IL','62701','US'",
            "Main St. 1, B2, Springfield, IL, 62701, US",
        ),
        ("$,$,$,$,$,$,$,$,$,$", None),
    ],
)
def test_a_postal_address_becomes_one_line_in_its_languages_order(tmp_path, address, line):
    source, safe, out = (tmp_path / name for name in ("in.ifc", "safe.ifc", "out.rows"))
    house = [h.replace(".ELEMENT.,$,$,$);", ".ELEMENT.,$,$,#100);") for h in HOUSE]
    source.write_bytes(ifc(*house, f"#100=IFCPOSTALADDRESS({address});"))
    normalise(source, safe)
    extract_file(str(safe), str(out))
    assert [row.address for row in load(out).rows if row.ifc_class == "IfcBuilding"] == [line]
