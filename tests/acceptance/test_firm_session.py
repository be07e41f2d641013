"""A firm's session, as a script does it over HTTP: deliver, read what was found, correct, again."""

import base64
import html
import re
from hashlib import sha256

import pytest

from bim.bcf import TYPES, VERSIONS, topic_guid
from tests.parts import bcf_client, bcf_schemas, faulty_house
from tests.parts.tus_client import TusClient, close
from tests.parts.twin_process import Twin

PIECES = 4
LANGUAGES = {"zh": "zh-CN", "en": "en"}
NAME = "光谷小屋.ifc"
IFC_GUID = re.compile("[0-9A-Za-z_$]{22}")
KINDS = {  # what is wrong with the first delivery, whatever else is found
    "ifc_guid_repeated", "ifc_guid_invalid", "ifc_loose", "ifc_no_position", "ifc_text_escape",
}  # fmt: skip


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    made = Twin(tmp_path_factory.mktemp("firm")).start()
    yield made
    assert made.stop() == 0
    assert "Traceback" not in made.printed()


class Session:
    """One firm and its document."""

    def __init__(self, twin, folder):
        self.twin, self.folder = twin, folder

    def deliver(self, content):
        """Send a file in pieces over connections that end, hand it over; return the job's end."""
        path = self.folder / "sent.ifc"
        path.write_bytes(content)
        tus = TusClient(self.twin, path, NAME)
        for piece in range(1, PIECES + 1):
            tus.send(tus.stands(), tus.length * piece // PIECES, at_end=close)
        body = {"upload": tus.id, "project": "光谷工程", "document": "建筑"}
        answer = self.twin.ask("POST", "/models", body)
        assert answer.status == 202, answer.body
        job = self.twin.ended(answer.json["job"])
        assert (job["state"], job["fraction"]) == ("done", 1.0), job
        return job["result"]

    def found(self, model, **query):
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        return self.twin.get(f"/models/{model}/findings?{asked}")["items"]

    def bcf(self, model, number, version, language):
        path = f"/models/{model}/findings.bcf?version={number}&bcf={version}"
        answer = self.twin.ask("GET", path, Accept_Language=LANGUAGES[language])
        assert answer.status == 200, answer.body
        return answer.body

    def topics(self, content):
        """Return the topics of a BCF file as another's program reads them, by GUID."""
        path = self.folder / "findings.bcf"
        path.write_bytes(content)
        return {topic["guid"]: topic for topic in bcf_client.opened(path).topics}


@pytest.fixture(scope="module")
def delivered(twin, tmp_path_factory):
    """The session after its first delivery, the model, and what was found."""
    session = Session(twin, tmp_path_factory.mktemp("sent"))
    model = session.deliver(faulty_house.FIRST)["model"]
    return session, model, session.found(model, version=1)


def plain(text):
    """Return a text as XML's tokens have it: one space where there is any."""
    return " ".join(text.split())


def is_told(topic, row, language):
    """Assert that a topic says what a finding says, and points at its element if it has one."""
    said, hint = (plain(row[name][language]) for name in ("text", "hint"))
    assert said == plain(topic["title"]) or said.startswith(plain(topic["title"])[:-1])
    assert [TYPES[row["severity"]], [row["code"]]] == [topic["type"], topic["labels"]]
    seen = topic["snapshots"] and IFC_GUID.fullmatch(row["guid"] or "")
    assert ([row["guid"]] if seen else []) == topic["selected"]
    places = [place for place in (row["guid"], row["element"]) if place]
    described = plain(topic["description"])
    assert [] == [text for text in (said, hint, *places) if text not in described]


def test_the_first_delivery_is_found_faulty_in_many_ways(delivered):
    _, _, found = delivered
    assert {row["code"] for row in found} >= KINDS
    assert len({row["id"] for row in found}) == len(found)
    ranks = [list(TYPES).index(row["severity"]) for row in found]
    assert sorted(ranks) == ranks
    print(*(f"{row['severity']:8} {row['code']:24} {row['text']['zh']}" for row in found), sep="\n")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("version", VERSIONS)
def test_each_finding_is_a_topic_in_the_tool_of_the_firm(delivered, version, language):
    session, model, found = delivered
    topics = session.topics(session.bcf(model, 1, version, language))
    rows = {topic_guid(model, row["id"]): row for row in found}
    assert set(rows) == set(topics)
    for guid, row in rows.items():
        is_told(topics[guid], row, language)
    seen = {guid for topic in topics.values() for guid in topic["selected"]}
    assert {faulty_house.WALL, faulty_house.LOOSE} <= seen


@pytest.mark.parametrize("version", VERSIONS)
def test_the_files_of_the_session_follow_the_published_schemas(delivered, version):
    schemas = bcf_schemas.folder()
    session, model, found = delivered
    for language in LANGUAGES:
        content = session.bcf(model, 1, version, language)
        violations, parts = bcf_schemas.violations(content, version, schemas)
        assert [] == violations
        assert parts > len(found)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_report_says_every_finding(twin, delivered, language):
    _, model, found = delivered
    answer = twin.ask(
        "GET", f"/models/{model}/report?version=1", Accept_Language=LANGUAGES[language]
    )
    page = answer.body.decode()
    assert [] == [row for row in found if html.escape(row["text"][language]) not in page]


@pytest.fixture(scope="module")
def corrected(delivered):
    """The session after its second delivery, the model, and what was found in the first."""
    session, model, found = delivered
    result = session.deliver(faulty_house.SECOND)
    assert (result["model"], result["version"]) == (model, 2)
    return session, model, found


def test_the_corrected_delivery_says_what_is_fixed_still_there_and_new(corrected):
    session, model, found = corrected
    changes = {
        change: {
            row["code"]
            for row in session.found(model, version=2, against=1)
            if row["change"] == change
        }
        for change in ("fixed", "still", "new")
    }
    assert {"ifc_guid_invalid", "ifc_text_escape"} <= changes["fixed"]
    assert {"ifc_loose", "ifc_no_position"} <= changes["still"]
    assert "ifc_guid_repeated" in changes["fixed"] & changes["new"]

    now, topics = (
        session.found(model, version=2),
        session.topics(session.bcf(model, 2, "3.0", "zh")),
    )
    assert {topic_guid(model, row["id"]) for row in now} == set(topics)
    kept = {row["id"] for row in now} & {row["id"] for row in found}
    assert kept
    before = {topic_guid(model, row["id"]) for row in found}
    assert {topic_guid(model, id_) for id_ in kept} == before & set(topics)


def test_the_history_of_the_document_counts_what_each_delivery_changed(twin, corrected):
    session, model, found = corrected
    now, first = twin.get(f"/models/{model}/deliveries")["items"]
    assert [(2, NAME), (1, NAME)] == [(row["version"], row["filename"]) for row in (now, first)]
    assert [sha256(c).hexdigest() for c in (faulty_house.SECOND, faulty_house.FIRST)] == [
        row["sha256"] for row in (now, first)
    ]
    assert (len(found), None) == (sum(first["findings"].values()), first["changes"])
    told = [row["change"] for row in session.found(model, version=2, against=1)]
    assert {name: told.count(name) for name in ("new", "still", "fixed")} == now["changes"]
    assert first["delivered_at"] < now["delivered_at"]

    page = twin.get(f"/models/{model}/deliveries?limit=1")
    assert [now] == page["items"]
    following = twin.get(f"/models/{model}/deliveries?limit=1&cursor={page['next']}")
    assert {"items": [first], "next": None} == following
    odd = base64.urlsafe_b64encode(b'[0, "x"]').decode()
    assert 422 == twin.ask("GET", f"/models/{model}/deliveries?cursor={odd}").status
