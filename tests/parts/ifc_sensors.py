"""A house with rooms and sensors as IFC text; ids #200 on, GUIDs by name."""

from tests.parts.ifc_text import BUILDING, HOUSE, STOREY, ifc


def guid(name):
    return f"0{name:0<21}"


ROOM, HALL, DUCT = guid("rOOM"), guid("hALL"), guid("dUCT")
PLACES = {
    ROOM: "#200",
    HALL: "#201",
    DUCT: "#202",
    STOREY: "#12",
    BUILDING: "#11",
    guid("wALL"): "#13",
}
ROOMS = (
    *HOUSE,
    f"#200=IFCSPACE('{ROOM}',$,'101',$,$,#14,$,$,.ELEMENT.,.INTERNAL.,$);",
    f"#201=IFCSPACE('{HALL}',$,'102',$,$,#6,$,$,.ELEMENT.,.INTERNAL.,$);",
    f"#202=IFCDUCTSEGMENT('{DUCT}',$,'Duct',$,$,#14,$,$,$);",
    f"#203=IFCRELAGGREGATES('{guid('rEL1')}',$,$,$,#12,(#200,#201));",
    f"#204=IFCRELCONTAINEDINSPATIALSTRUCTURE('{guid('rEL2')}',$,$,$,(#202),#12);",
)
SENSOR = 300  # the first sensor's line; each takes ten


def sensor(number, *, name="", tag="", kind="SENSOR", sort="TEMPERATURESENSOR", within=ROOM):
    """Lines of a control element, contained in ``within`` ("": in nothing)."""
    line = SENSOR + 10 * number
    said = [f"'{text}'" if text else "$" for text in (name, tag)]
    lines = [
        f"#{line}=IFC{kind}('{key(number)}',$,{said[0]},$,$,#14,$,{said[1]},"
        + (f".{sort}.);" if sort else "$);")
    ]
    if within:
        lines.append(
            f"#{line + 1}=IFCRELCONTAINEDINSPATIALSTRUCTURE('{guid(f'rC{number}x')}',$,$,$,"
            f"(#{line}),{PLACES[within]});"
        )
    return lines


def key(number):
    """The GUID of a sensor."""
    return guid(f"sENS{number}x")


def related(number, relation, place, *, at=2):
    """A line that relates a sensor to a place: IfcRelFlowControlElements and the like."""
    line = SENSOR + 10 * number
    middle = "(#{0}),$,{1}" if relation == "IFCRELASSIGNSTOPRODUCT" else "(#{0}),{1}"
    ends = middle.format(line, PLACES[place])
    return [f"#{line + at}={relation}('{guid(f'rR{number}y{at}x')}',$,$,$,{ends});"]


def serial(number, value, *, pset="Pset_ManufacturerOccurrence", name="SerialNumber"):
    """Lines that give a sensor a property."""
    line = SENSOR + 10 * number
    ends = f"(#{line}),#{line + 6}"
    return [
        f"#{line + 5}=IFCPROPERTYSINGLEVALUE('{name}',$,IFCIDENTIFIER('{value}'),$);",
        f"#{line + 6}=IFCPROPERTYSET('{guid(f'pS{number}x')}',$,'{pset}',$,(#{line + 5}));",
        f"#{line + 7}=IFCRELDEFINESBYPROPERTIES('{guid(f'rP{number}x')}',$,$,$,{ends});",
    ]


def house(*lines, schema="IFC4"):
    """The bytes of a file: the house with two rooms, a duct, and these lines (lists of them)."""
    return ifc(*ROOMS, *(line for part in lines for line in part), schema=schema)
