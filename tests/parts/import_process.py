"""An importing process for the kill tests: ``python -m tests.parts.import_process URL DIR FILE``.

With a fourth argument ``stage:N`` it kills itself (SIGKILL) at the N-th report of that stage, with
``stage@1.000`` when that stage reports that fraction of the whole.
Prints the result as its last line.
"""

import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from bim.ingest import ingest, receive
from tests.parts.cities import OPTIONS, open_stores


async def run(url: str, folder: Path, file: Path, kill_at: str | None) -> dict:
    stores = await open_stores(url, folder)
    upload = Path(tempfile.mkdtemp(dir=folder)) / file.name
    shutil.copy(file, upload)
    receipt = await receive(stores, upload, filename=file.name, project="kills", document="model")
    if receipt.version is not None:  # the door knows these bytes: an earlier try got through
        await stores.graph.close()
        return {"model": receipt.model, "version": receipt.version}
    with tempfile.TemporaryDirectory(dir=folder) as work:
        result = await ingest(
            stores, receipt, work_dir=Path(work), options=OPTIONS, progress=killer(kill_at)
        )
    await stores.graph.close()
    return result


def killer(kill_at: str | None):
    """Return a progress that prints each stage, and dies at the one asked for."""
    seen: dict[str, int] = {}

    def progress(stage, fraction, counts=None):
        seen[stage] = seen.get(stage, 0) + 1
        print(f"stage {stage} {fraction:.3f}", flush=True)
        if kill_at in {f"{stage}:{seen[stage]}", f"{stage}@{fraction:.3f}"}:
            os.kill(os.getpid(), signal.SIGKILL)

    return progress


if __name__ == "__main__":
    place, home, model = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    at = sys.argv[4] if len(sys.argv) > 4 else None
    print(json.dumps(asyncio.run(run(place, home, model, at))), flush=True)
