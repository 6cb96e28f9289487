"""``regard serve`` as a process: what it prints, what it refuses, its load, and its end."""

import http.client
import importlib
import json
import os
import pickle
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import pairs, regard, trained  # noqa: F401 - the fixtures of a small run
from tests.serve.asking import Client, until

TOKEN = "a-token-of-some-length"
LONG = {"text": "abcdef" * 600, "options": {"beam": 16}}
"""What takes a quarter of a second."""


@contextmanager
def started(*words, **environment):
    """A process that serves at a port of its own, its client, and the first line it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "regard.cli", "serve", *map(str, words), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )
    try:
        line = process.stdout.readline()
        found = re.search(r"http://[^/]*:(\d+)/", line)
        assert found, process.stderr.read()
        yield process, Client(int(found[1])), line
    finally:
        process.kill()
        process.communicate()


def ended(process, timeout=20):
    _, errors = process.communicate(timeout=timeout)
    return process.returncode, errors


def test_it_serves_until_it_is_told_to_stop(trained, tmp_path):  # noqa: F811
    folder, _ = trained
    copy = tmp_path / "reversals"
    shutil.copytree(folder, copy)
    with started(folder, copy) as (process, ask, line):
        assert line.startswith("serving reversals, reversals-2 at http://127.0.0.1:")
        for name in ("reversals", "reversals-2"):
            found = ask.post({"run": name, "text": "a\x1b[2Jsecret"}).json
            assert (found["run"], found["answer"]["source"]) == (name, "a\x1b[2Jsecret")
        assert ask.post("{").status == 400
        assert ask("/a%1b[2Jpath?secret").status == 404
        process.send_signal(signal.SIGINT)
        status, errors = ended(process)
    assert status == 0
    lines = [re.sub(r"[\d.]+ ms", "T ms", line) for line in errors.splitlines()]
    assert lines == [
        "POST /api/predict 200 T ms",
        "POST /api/predict 200 T ms",
        "POST /api/predict 400 T ms",
        "GET /a%1b[2Jpath 404 T ms",
    ]


def test_whoever_has_asked_before_the_end_is_answered(trained):  # noqa: F811
    with (
        started(trained[0], "--quiet", "--batch", "2") as (process, ask, _),
        ThreadPoolExecutor(12) as pool,
    ):
        asked = [pool.submit(ask.post, LONG) for _ in range(12)]
        until(lambda: ask("/health").json["queue"] >= 5)
        process.terminate()
        time.sleep(0.5)
        with pytest.raises(OSError, match="refused"):
            ask("/health")
        assert [each.result().status for each in asked] == [200] * 12
        assert ended(process) == (0, "")


def test_a_second_signal_ends_it_at_once(trained):  # noqa: F811
    with started(trained[0]) as (process, ask, _), ThreadPoolExecutor(60) as pool:
        asked = [pool.submit(ask.post, LONG) for _ in range(60)]
        until(lambda: ask("/health").json["queue"] >= 30)
        process.terminate()
        time.sleep(0.3)
        process.terminate()
        assert ended(process, timeout=6)[0] == 128 + signal.SIGTERM
        assert any(
            isinstance(each.exception(), OSError | http.client.HTTPException) for each in asked
        )


@pytest.fixture
def benchmark(monkeypatch):
    folder = Path(__file__).parents[2] / "benchmarks"
    monkeypatch.syspath_prepend(str(folder))
    yield importlib.import_module("serving")
    for path in folder.glob("*.py"):
        sys.modules.pop(path.stem, None)


def test_twenty_clients_for_some_seconds(trained, benchmark):  # noqa: F811
    bodies = [{"text": text} for text in ("abc", "fade", "beadcafe", "f")]
    with started(trained[0], "--quiet", "--queue", "8", "--batch", "4") as (process, ask, _):
        benchmark.load(ask.port, bodies, clients=20, seconds=2)
        before = benchmark.resident_mb(process.pid)
        found = benchmark.load(ask.port, bodies, clients=20, seconds=3)
        after = benchmark.resident_mb(process.pid)
        assert set(found.statuses) == {200, 429}
        assert found.statuses[200] > 50
        assert len(found.latencies) == found.statuses[200]
        assert after < before + 15
        process.terminate()
        assert ended(process) == (0, "")


def test_a_token_may_come_by_the_environment(trained):  # noqa: F811
    with started(trained[0], "--host", "0.0.0.0", REGARD_TOKEN=TOKEN) as (_, ask, line):
        assert line.startswith("serving reversals at http://0.0.0.0:")
        assert TOKEN not in line
        assert ask("/api/runs").status == 401
        found = ask("/api/runs", headers={"Authorization": f"Bearer {TOKEN}"})
        assert found.json[0]["system"] == "translator"


def test_what_cannot_be_served_is_refused_before_anything_is_bound(trained, tmp_path):  # noqa: F811
    folder, _ = trained
    newer, broken, pickled = (tmp_path / name for name in ("newer", "broken", "pickled"))
    for copy in (newer, broken, pickled):
        shutil.copytree(folder, copy)
    about = json.loads((newer / "run.json").read_text())
    (newer / "run.json").write_text(json.dumps(about | {"format": 99}))
    (broken / "vocabulary.json").write_text("{}")

    class Trap:
        def __reduce__(self):
            return open, (str(tmp_path / "sprung"), "w")

    (pickled / "model.safetensors").write_bytes(pickle.dumps(Trap()))
    code = (
        "import sys; from regard.cli import main; print([main(line.split()) for line in sys.stdin])"
    )
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        cases = {
            f"serve {tmp_path / 'nowhere'}": "no such run folder",
            f"serve {tmp_path}": "is no run: it has no run.json",
            f"serve {folder} {newer}": "is a run of another version (format 99)",
            f"serve {broken}": "vocabulary.json is broken",
            f"serve {pickled}": "model.safetensors is broken",
            f"serve {folder} --port {port}": f"127.0.0.1:{port} cannot be bound: Address already",
            f"serve {folder} --port 70000": "--port is 0 to 65,535",
            f"serve {folder} --host 0.0.0.0": "give a --token, or put one into REGARD_TOKEN",
            f"serve {folder} --token short": "a token has 16 characters at least",
            f"serve {folder} --host no.such.host.invalid --token {TOKEN}": "no address",
            f"serve {folder} --queue 0": "--queue is at least 1",
        }
        done = subprocess.run(
            [sys.executable, "-c", code],
            input="\n".join(cases),
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
    assert done.stdout.strip() == str([2] * len(cases))
    lines = done.stderr.splitlines()
    assert len(lines) == len(cases), done.stderr
    for line, why in zip(lines, cases.values(), strict=True):
        assert line.startswith("regard: ")
        assert why in line
    assert not (tmp_path / "sprung").exists()


def test_without_the_extra_it_says_what_to_install(trained):  # noqa: F811
    code = (
        "import sys; sys.modules['starlette'] = None; from regard.cli import main; "
        f"sys.exit(main(['serve', {str(trained[0])!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "serving needs pip install 'regard[serve]'" in done.stderr


def test_help_teaches():
    done = regard("serve", "--help")
    assert done.returncode == 0
    for part in ("regard serve runs/dates --port 0", "--queue", "api/predict", "REGARD_TOKEN"):
        assert part in done.stdout
