"""Our BCF files in another's hands: read by bcf-client, in a process of its own (it is GPL).

Its parser is made of the published schemas and refuses elements and values that are not in them.
"""

import json
import subprocess
import sys
from dataclasses import dataclass

READ = """
import json, sys
from pathlib import Path
from bcf.bcfxml import load
with load(Path(sys.argv[1])) as file:
    told = []
    for topic in file.topics.values():
        head, views = topic.topic, list(topic.viewpoints.values())
        infos = [view.visualization_info for view in views]
        told.append({
            "guid": head.guid,
            "title": head.title,
            "description": head.description,
            "type": head.topic_type,
            "priority": head.priority,
            "labels": list(getattr(head.labels, "label", head.labels)),
            "selected": [c.ifc_guid for i in infos for c in i.components.selection.component],
            "snapshots": [view.snapshot[:4].hex() for view in views],
            "fields_of_view_deg": [i.perspective_camera.field_of_view for i in infos],
        })
    print(json.dumps([file.version.version_id, file.project.name, told]))
"""


@dataclass(frozen=True)
class Opened:
    """What bcf-client says of a file; ``topics``: in the file's order."""

    version: str
    project: str
    topics: list[dict]


def opened(path):
    """Return what another's process reads in a BCF file."""
    command = [sys.executable, "-c", READ, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return Opened(*json.loads(done.stdout.splitlines()[-1]))
