"""The audit trail is append only, in the store itself."""

import sqlite3

import pytest

from identity.errors import Unavailable
from twin.ports import AuditRow
from twin.stores.jobs import SqliteJobs

pytestmark = pytest.mark.anyio


@pytest.fixture
async def audit(tmp_path):
    store = await SqliteJobs.open(tmp_path / "jobs.db")
    yield store
    await store.close()


def row(action, at=1.0):
    return AuditRow(at, "王", "editor", action, "420111", "done", {"地址": "珞喻路"})


async def test_rows_come_back_by_id(audit):
    for action in ("bind", "ingest", "retire"):
        await audit.record(row(action))

    first = await audit.rows(limit=2)
    rest = await audit.rows(limit=2, after=first[-1].id)
    assert [(r.action, r.who, r.facts) for r in (*first, *rest)] == [
        (action, "王", {"地址": "珞喻路"}) for action in ("bind", "ingest", "retire")
    ]


@pytest.mark.parametrize("statement", ["UPDATE audit SET who = 'x'", "DELETE FROM audit"])
async def test_the_file_itself_refuses_to_change_or_remove_a_row(audit, tmp_path, statement):
    await audit.record(row("bind"))

    connection = sqlite3.connect(tmp_path / "jobs.db")
    with pytest.raises(sqlite3.IntegrityError, match="append only"):
        connection.execute(statement)
    connection.close()
    assert [r.who for r in await audit.rows(limit=10)] == ["王"]


async def test_a_file_that_is_no_database_is_refused_by_name(tmp_path):
    (tmp_path / "jobs.db").write_bytes(b"not a database" * 100)

    with pytest.raises(Unavailable) as refused:
        await SqliteJobs.open(tmp_path / "jobs.db")
    assert (refused.value.code, refused.value.facts["store"]) == ("store_failed", "jobs.db")
