"""python -m bench resolve on a small city: each class answered as it must be, the line printed."""

import json

import pytest

from bench import resolve, resolve_store


@pytest.mark.timeout(300)
def test_the_bench_runs_on_a_small_city(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(resolve_store, "CACHE", tmp_path)
    sizes = ["--sqlite", "600", "1000", "--neo4j"]

    assert resolve.main([*sizes, "--texts", "20", "--rounds", "1"]) == 0

    *rows, line = capsys.readouterr().out.splitlines()
    said = json.loads(line)
    assert (said["name"], said["unit"], said["n"]) == ("resolve", "requests/s", 1000)
    assert said["ratio"] == pytest.approx(said["ours"] / said["peer"], rel=0.01)
    assert [row.split()[1:3] for row in rows] == [
        [size, name] for size in ("600", "1000") for name in resolve.CLASSES
    ]


def test_a_peer_that_answers_otherwise_is_found(monkeypatch):
    asked = resolve.Answer(200, "application/json", b"{}")

    class Other:
        def __init__(self, _port):
            self.closed = False

        def answer(self, _text):
            return resolve.Answer(200, "application/json", b"[]")

        def close(self):
            self.closed = True

    monkeypatch.setattr(resolve, "Client", Other)
    with pytest.raises(RuntimeError, match="the peer answers x otherwise"):
        resolve.check(1, {"x": asked})
