"""What the schemas deprecate, by family, as IFC102 lists it.

Facts of the standards: deprecated constructs of IFC2x3 TC1, the notes at each entity of IFC4 ADD2
TC1, and the list of backward incompatibilities of IFC4.3.
"""

_BOTH = (
    *("IfcFaceBasedSurfaceModel", "IfcMaterialClassificationRelationship", "IfcMaterialList"),
    *("IfcRelCoversBldgElements", "IfcRelCoversSpaces", "IfcTextLiteral"),
    *("IfcWallStandardCase", "IfcWindowStandardCase"),
)
_GENERAL = (  # to be exported as one of their subtypes only
    *("IfcFlowFitting", "IfcFlowSegment", "IfcFlowTerminal", "IfcFlowController"),
    *("IfcFlowMovingDevice", "IfcFlowStorageDevice", "IfcFlowTreatmentDevice"),
    "IfcEnergyConversionDevice",
)
ENTITIES: dict[str, tuple[str, ...]] = {
    "IFC2X3": (
        *("Ifc2DCompositeCurve", "IfcConnectionPortGeometry", "IfcElectricalElement"),
        *("IfcEquipmentElement", "IfcTextLiteral", "IfcProductRepresentation"),
        *("IfcRepresentation", "IfcRepresentationContext", "IfcRelAssociates"),
    ),
    "IFC4": (
        *_BOTH,
        *("Ifc2DCompositeCurve", "IfcBeamStandardCase", "IfcColumnStandardCase"),
        *("IfcDoorStandardCase", "IfcDoorStyle", "IfcElectricalElement", "IfcEquipmentElement"),
        *("IfcMemberStandardCase", "IfcOpeningStandardCase", "IfcPlateStandardCase"),
        *("IfcPresentationStyleAssignment", "IfcProxy", "IfcSlabElementedCase"),
        *("IfcSlabStandardCase", "IfcWallElementedCase", "IfcWindowStyle"),
        *("IfcConnectionPortGeometry", *_GENERAL),
    ),
    "IFC4X3": (
        *_BOTH,
        *("IfcBuildingSystem", "IfcCivilElement", "IfcCivilElementType"),
        *("IfcDoorLiningProperties", "IfcDoorPanelProperties", "IfcElectricDistributionBoard"),
        *("IfcElectricDistributionBoardType", "IfcPermeableCoveringProperties"),
        *("IfcPostalAddress", "IfcRelConnectsPortToElement", "IfcRelServicesBuildings"),
        *("IfcTelecomAddress", "IfcTrapeziumProfileDef", "IfcWindowLiningProperties"),
        *("IfcWindowPanelProperties", *_GENERAL),
    ),
}
"""Not to be instantiated, subtypes aside."""

_HATCH: dict[str, tuple[str, ...]] = {"IfcFillAreaStyleHatching": ("PointOfReferenceHatchLine",)}
_FLIGHT = {"IfcStairFlight": ("NumberOfRisers", "NumberOfTreads", "RiserHeight", "TreadLength")}
_STEEL = {"IfcReinforcingElement": ("SteelGrade",)}
ATTRIBUTES: dict[str, dict[str, tuple[str, ...]]] = {
    "IFC2X3": _HATCH,
    "IFC4": {
        **_HATCH,
        **_FLIGHT,
        **_STEEL,
        "IfcDoorLiningProperties": ("ShapeAspectStyle",),
        "IfcDoorPanelProperties": ("ShapeAspectStyle",),
        "IfcRelAssigns": ("RelatedObjectsType",),
        "IfcWindowPanelProperties": ("ShapeAspectStyle",),
        "IfcWindowLiningProperties": ("ShapeAspectStyle",),
        "IfcTendon": (
            *("NominalDiameter", "CrossSectionArea", "TensionForce", "PreStress"),
            *("FrictionCoefficient", "AnchorageSlip", "MinCurvatureRadius"),
        ),
        "IfcTendonType": ("NominalDiameter", "CrossSectionArea", "SheathDiameter"),
    },
    "IFC4X3": {
        **_HATCH,
        **_FLIGHT,
        **_STEEL,
        "IfcBuilding": ("BuildingAddress", "ElevationOfRefHeight", "ElevationOfTerrain"),
        "IfcBuildingStorey": ("Elevation",),
        "IfcOrganization": ("Addresses",),
        "IfcPerson": ("Addresses",),
        "IfcPile": ("ConstructionType",),
        "IfcRelAssigns": ("RelatedObjectsType",),
        "IfcSite": ("LandTitleNumber", "SiteAddress"),
        "IfcSurfaceStyleRendering": (
            *("DiffuseTransmissionColour", "ReflectionColour", "TransmissionColour"),
        ),
        "IfcSurfaceTexture": ("Parameter",),
        "IfcTendon": ("NominalDiameter", "CrossSectionArea"),
        "IfcTextureCoordinateGenerator": ("Parameter",),
    },
}
"""To be left empty."""

_TRAY = frozenset({"TEE", "CROSS", "REDUCER"})
_WALL = frozenset({"POLYGONAL", "STANDARD"})
_ROOM = frozenset({"INTERNAL", "EXTERNAL"})
_HEAD = frozenset({"SPRINKLERDEFLECTOR"})
_BORING = frozenset({"SOIL_BORING_POINT"})
_DRAUGHTING = {("IfcPropertySet", "Name"): frozenset({"Pset_Draughting"})}
_KIND = "PredefinedType"
VALUES: dict[str, dict[tuple[str, str], frozenset[str]]] = {
    "IFC2X3": {
        **_DRAUGHTING,
        ("IfcOwnerHistory", "ChangeAction"): frozenset({"MODIFIEDADDED", "MODIFIEDDELETED"}),
    },
    "IFC4": {
        **_DRAUGHTING,
        ("IfcWall", _KIND): _WALL | {"ELEMENTEDWALL"},
        ("IfcWallType", _KIND): _WALL | {"ELEMENTEDWALL"},
    },
    "IFC4X3": {
        **_DRAUGHTING,
        ("IfcBuildingElementProxy", _KIND): frozenset({"PROVISIONFORSPACE", "PROVISIONFORVOID"}),
        ("IfcFireSuppressionTerminal", _KIND): _HEAD,
        ("IfcFireSuppressionTerminalType", _KIND): _HEAD,
        ("IfcCableCarrierFitting", _KIND): _TRAY,
        ("IfcCableCarrierFittingType", _KIND): _TRAY,
        ("IfcGeographicElement", _KIND): _BORING,
        ("IfcGeographicElementType", _KIND): _BORING,
        ("IfcSpace", _KIND): _ROOM,
        ("IfcSpaceType", _KIND): _ROOM,
        ("IfcWall", _KIND): _WALL,
        ("IfcWallType", _KIND): _WALL,
        ("IfcShapeRepresentation", "RepresentationType"): frozenset({"PointCloud"}),
    },
}
"""Values an attribute is not to have."""
