"""The rules by their codes: what is run, on which schemas, and what it is called.

``served``: buildingSMART runs it; the others are written down there but switched off.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bim.rows import Severity
from bim.rules import georeference, schema, spatial
from bim.rules.case import Case
from bim.rules.verdict import Outcome, Rule, Verdict, judge

_ALL = frozenset({"IFC2X3", "IFC4", "IFC4X3"})
_IFC4 = frozenset({"IFC4", "IFC4X3"})
_IFC4X3 = frozenset({"IFC4X3"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One rule: its function, where it applies, how bad a breach is, its name in two languages."""

    rule: Rule
    schemas: frozenset[str]
    en: str
    zh: str
    severity: Severity = Severity.WARNING
    served: bool = True


RULES: Mapping[str, Entry] = MappingProxyType(
    {
        "IFC101": Entry(
            schema.ifc101, _ALL, "Only official IFC versions", "仅使用正式发布的 IFC 版本"
        ),
        "IFC102": Entry(schema.ifc102, _ALL, "Nothing deprecated is used", "不使用已弃用的内容"),
        "IFC105": Entry(
            schema.ifc105,
            _ALL,
            "Resources are used by something with a GUID",
            "资源实体须被带 GUID 的实体引用",
        ),
        "IFC106": Entry(
            schema.ifc105,
            _ALL,
            "Resources should be used by something with a GUID",
            "资源实体宜被带 GUID 的实体引用",
            Severity.INFO,
        ),
        "GRF000": Entry(georeference.grf000, _IFC4, "Georeference present", "含有地理坐标参考"),
        "GRF001": Entry(
            georeference.grf001,
            _IFC4X3,
            "One coordinate operation for all contexts",
            "各表达上下文的坐标转换一致",
        ),
        "GRF002": Entry(
            georeference.grf002,
            _IFC4X3,
            "The reference system's name is an EPSG code",
            "坐标参考系名称须为 EPSG 代码",
            served=False,
        ),
        "GRF003": Entry(
            georeference.grf003,
            _IFC4,
            "Buildings, facilities and alignments need a reference system",
            "建筑、设施或线路须有坐标参考系",
        ),
        "GRF004": Entry(georeference.grf004, _IFC4, "EPSG codes are valid", "EPSG 代码须有效"),
        "GRF005": Entry(
            georeference.grf005,
            _IFC4,
            "The map conversion's scale is project unit / map unit",
            "坐标转换比例须等于项目单位与地图单位之比",
        ),
        "GRF006": Entry(
            georeference.grf006,
            _IFC4X3,
            "Without an EPSG code: a well-known text, named WKT",
            "无 EPSG 代码时须提供 WKT 并命名为 WKT",
        ),
        "GRF007": Entry(
            georeference.grf007,
            _IFC4,
            "The vertical datum is a system of heights",
            "高程基准须为高程坐标系",
        ),
        "GRF008": Entry(
            georeference.grf008,
            _IFC4,
            "Rigid operations have lengths or angles",
            "刚性变换坐标须为长度或角度",
        ),
        "SPS001": Entry(
            spatial.sps001,
            frozenset({"IFC2X3"}),
            "One site at most, one building at least",
            "至多一个场地且至少一栋建筑",
        ),
        "SPS002": Entry(spatial.sps002, _IFC4, "Correct spatial breakdown", "空间分解关系正确"),
        "SPS003": Entry(
            spatial.sps003,
            _ALL,
            "Parts of elements are not contained themselves",
            "构件的组成部分不得另行归属空间",
        ),
        "SPS004": Entry(
            spatial.sps004,
            _IFC4X3,
            "Contained or positioned, not both",
            "空间归属与线性定位不得并用",
            served=False,
        ),
        "SPS005": Entry(
            spatial.sps005,
            _ALL,
            "Each element has exactly one place",
            "每个构件有且仅有一种空间关系",
        ),
        "SPS006": Entry(
            spatial.sps006,
            _IFC4X3,
            "Positioned elements are referenced in a structure",
            "已定位构件须被空间结构引用",
            served=False,
        ),
        "SPS007": Entry(spatial.sps007, _ALL, "Correct spatial containment", "空间包含关系正确"),
        "SPS008": Entry(
            spatial.sps008,
            _ALL,
            "Storeys, sites and facilities have no shape",
            "楼层、场地与设施不得自带几何",
        ),
    }
)


def run(case: Case, codes: Iterable[str] = RULES) -> dict[str, Outcome]:
    """Return the outcome of each rule named; a schema that a rule does not know is NA."""
    return {code: _run(RULES[code], case) for code in codes}


def _run(entry: Entry, case: Case) -> Outcome:
    if case.family not in entry.schemas:
        return Outcome(Verdict.NA)
    return judge(entry.rule(case))
