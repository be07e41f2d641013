import json

import pytest


@pytest.fixture(scope="session")
def vectors(shared_dir):
    """Golden vectors by file name; each file says where a vector comes from."""

    def load(name):
        path = shared_dir / "standards" / "vectors" / f"{name}.json"
        return json.loads(path.read_text(encoding="utf-8"))

    return load
