"""Our BCF files in another's hands: bcf-client opens them, in a process of its own (it is GPL).

Its parser is made of the published schemas and refuses elements and values that are not in them.
"""

import json
import subprocess
import sys

import pytest

from bim import bcf
from bim.bcf import Delivery, Topic, archive

GUID = "3vB2YO$MX4xv5uCqZZG05x"
ROOM = (10.0, 0.0, 0.0, 14.0, 5.0, 3.0)
TOPICS = [
    Topic("a" * 16, "error", "缺少楼层 <一>", "说明\n建议", "storey_missing", GUID, "42", ROOM),
    Topic("b" * 16, "info", "no element", "d", "unit_odd"),
]
DELIVERY = Delivery("420111990101000000017", "光谷", "塔楼.ifc", 1_795_000_000.0, [ROOM])
READ = """
import json, sys
from pathlib import Path
from bcf.bcfxml import load
with load(Path(sys.argv[1])) as file:
    told = []
    for topic in file.topics.values():
        head, views = topic.topic, list(topic.viewpoints.values())
        labels = getattr(head.labels, "label", head.labels)
        row = [head.title, head.topic_type, head.priority, list(labels), len(views)]
        for view in views:
            info = view.visualization_info
            chosen = [one.ifc_guid for one in info.components.selection.component]
            row += [chosen, view.snapshot[:4].hex(), info.perspective_camera.field_of_view]
        told.append(row)
    print(json.dumps([file.version.version_id, file.project.name, told]))
"""


@pytest.mark.parametrize("version", bcf.VERSIONS)
def test_bcf_client_reads_topics_views_and_components(tmp_path, version):
    path = tmp_path / "findings.bcf"
    path.write_bytes(archive(TOPICS, DELIVERY, version))
    command = [sys.executable, "-c", READ, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    said, project, topics = json.loads(done.stdout.splitlines()[-1])
    assert (said, project) == (version, "光谷")
    seen = [[GUID], "89504e47", 60.0]
    assert sorted(topics) == sorted(
        [
            ["缺少楼层 <一>", "Error", "High", ["storey_missing"], 1, *seen],
            ["no element", "Info", "Low", ["unit_odd"], 0],
        ]
    )
