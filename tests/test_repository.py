"""What people look for is there, and says what is true."""

import json
import re
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]


def test_the_compose_file_names_its_services_without_default_passwords():
    text = (ROOT / "compose.yaml").read_text("utf-8")
    services = yaml.safe_load(text)["services"]
    assert {"neo4j", "mosquitto", "postgres", "twin"} == set(services)
    assert services["postgres"]["profiles"] == ["postgres"]
    assert re.findall(r"PASSWORD(?!:\?)[:-]+\w", text) == []
    mounted = [v.split(":")[0] for v in services["mosquitto"]["volumes"] if v.startswith("./")]
    assert [] == [v for v in mounted if not (ROOT / v).exists()]


def test_the_files_people_look_for_are_there():
    wanted = "README.md LICENSE CONTRIBUTING.md SECURITY.md CHANGELOG.md Makefile requirements.lock"
    assert [] == [name for name in wanted.split() if not (ROOT / name).is_file()]


def test_every_locked_package_has_a_hash_and_no_address():
    text = (ROOT / "requirements.lock").read_text("utf-8")
    pinned = re.findall(r"^[a-z0-9._-]+==", text, re.MULTILINE)
    assert len(pinned) > 20
    assert text.count("--hash=sha256:") >= len(pinned)
    assert "://" not in text


def test_the_page_lock_names_no_registry():
    lock = json.loads((ROOT / "viewer/web/package-lock.json").read_text("utf-8"))
    packages = {name: p for name, p in lock["packages"].items() if name}
    assert packages
    assert [] == [name for name, p in packages.items() if "resolved" in p]
    assert [] == [name for name, p in packages.items() if not p.get("integrity")]


def test_nothing_that_is_made_is_tracked():
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    made = re.compile(r"(^|/)(node_modules|dist|__pycache__|\.venv|data)/|\.(ifc|ifczip|db|glb)$")
    assert [] == [name for name in listed if made.search(name)]


def test_texts_of_all_packages_are_there_in_both_languages():
    for file in sorted((ROOT / "identity/texts").glob("*.json")):
        for code, texts in json.loads(file.read_text("utf-8")).items():
            assert {"en", "zh"} == set(texts), (file.name, code)
            assert [2, 2] == [len(texts[lang]) for lang in ("en", "zh")], (file.name, code)
            assert all(texts[lang][0] for lang in ("en", "zh")), (file.name, code)
