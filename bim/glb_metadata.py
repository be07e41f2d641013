"""What a picked triangle says of itself: EXT_mesh_features and EXT_structural_metadata.

Vendor extensions of 3D Tiles 1.1 in the CesiumGS/glTF repository (branch 3d-tiles-next).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bim.glb_buffer import Buffer

COLUMNS = ("code", "kind", "ifc_class", "name", "storey")
CLASS = "feature"


def structural_metadata(buffer: Buffer, rows: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Write the property table of ``rows`` and return the root extension.

    Strings are UTF-8 back to back with count + 1 offsets of 32 bits. A column that is empty in all
    rows has no bytes, hence no view: readers take the schema's default "".
    """
    properties = {
        name: _strings(buffer, [row[name].encode() for row in rows])
        for name in COLUMNS
        if any(row[name] for row in rows)
    }
    column = {"type": "STRING", "default": ""}
    return {
        "schema": {
            "id": "wanwu_twin",
            "classes": {CLASS: {"properties": dict.fromkeys(COLUMNS, column)}},
        },
        "propertyTables": [{"class": CLASS, "count": len(rows), "properties": properties}],
    }


def feature_ids(count: int) -> dict[str, Any]:
    """Return the extension of a primitive whose _FEATURE_ID_0 points into the table."""
    return {"featureIds": [{"featureCount": count, "attribute": 0, "propertyTable": 0}]}


def _strings(buffer: Buffer, values: Sequence[bytes]) -> dict[str, Any]:
    offsets = np.concatenate([[0], np.cumsum([len(value) for value in values])]).astype("<u4")
    return {
        "values": buffer.view(b"".join(values)),
        "stringOffsets": buffer.view(offsets.tobytes()),
        "stringOffsetType": "UINT32",
    }
