"""How much does ``regard serve`` bear?

Claims: 20 clients at once for 20 s get answers, or an honest "come again later" (429), and nothing
else; and the server's memory does not grow.

Run:    python benchmarks/serving.py [--full] [--json] [--strict]
Method: the real command serves a small translator of dates on loopback, in a process of its own;
        the clients are threads of this one, each with a connection that it keeps, and each asks
        again as soon as it is answered. After a 429 it waits for a twentieth of the seconds that it
        was told, so that refusals are measured too and not awaited. Three loads: the queue as it is
        by default, where 20 clients always have a place; a queue of 4 and batches of 4, where they
        do not; and with weights and panels. Latencies are those of answers (200). Memory is the
        resident set of the server before and after the load, once it has been warmed up by all
        clients for 5 s.
"""

import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from report import Report, main

CLIENTS, SECONDS, WARM = 20, 20.0, 5.0
TEXTS = (
    "5 mai 2021",
    "May 5, 2021",
    "le 1er janvier 1999",
    "05.05.2021",
    "Wednesday, 3 March 2004",
)
SMALL = ("--data.limit", "4000", "--trainer.max_epochs", "1", "--trainer.accelerator", "cpu")
LOADS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "as it is": ((), {"weights": False}),
    "a queue of 4": (("--queue", "4", "--batch", "4"), {"weights": False}),
    "with weights": ((), {"weights": True}),
}


@dataclass(frozen=True)
class Load:
    """What clients got: how often each status, the seconds of each answer (200), and of all."""

    statuses: Counter[int]
    latencies: Sequence[float]
    seconds: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.statuses[200] / self.seconds

    def latency(self, percent: float) -> float:
        """Seconds in which so many of the answers were there."""
        return float(np.percentile(self.latencies, percent))


def load(port: int, bodies: Sequence[Any], clients: int, seconds: float) -> Load:
    """Have clients ask for some seconds, each again as soon as it is answered."""
    statuses: Counter[int] = Counter()
    latencies: list[float] = []
    failures: list[BaseException] = []
    lock, end = threading.Lock(), time.perf_counter() + seconds

    def client(number: int) -> None:
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        turn = number
        try:
            while time.perf_counter() < end:
                turn += 1
                body = json.dumps(bodies[turn % len(bodies)])
                began = time.perf_counter()
                line.request("POST", "/api/predict", body, {"Content-Type": "application/json"})
                response = line.getresponse()
                response.read()
                took = time.perf_counter() - began
                with lock:
                    statuses[response.status] += 1
                    if response.status == 200:
                        latencies.append(took)
                if response.status == 429:
                    time.sleep(int(response.headers["Retry-After"]) / 20)
        except BaseException as error:
            failures.append(error)
        finally:
            line.close()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return Load(statuses, latencies, time.perf_counter() - began)


def resident_mb(process: int) -> float | None:
    """The resident set of a process, MB; None where the system does not tell."""
    try:
        text = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return None
    found = re.search(r"VmRSS:\s+(\d+) kB", text)
    return None if found is None else int(found[1]) * 1024 / 1e6


@contextmanager
def serving(run: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The command as a process, and its port."""
    command = [sys.executable, "-m", "regard.cli", "serve", str(run), "--port", "0", "--quiet"]
    process = subprocess.Popen([*command, *words], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.search(r":(\d+)/", process.stdout.readline())
        if found is None:
            raise RuntimeError("regard serve has not begun")
        yield process, int(found[1])
        process.terminate()
        if status := process.wait(30):
            raise RuntimeError(f"regard serve ended with {status}")
    finally:
        process.kill()
        process.communicate()


def measure(report: Report) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "dates"
        command = [sys.executable, "-m", "regard.cli", "train", "translator", "dates"]
        subprocess.run(
            [*command, "--run", str(run), *SMALL],
            check=True,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "NO_COLOR": "1"},
        )
        for name, (words, more) in LOADS.items():
            _load(report, name, run, words, [{"text": text, **more} for text in TEXTS])


def _load(
    report: Report, name: str, run: Path, words: Sequence[str], bodies: Sequence[Any]
) -> None:
    with serving(run, *words) as (process, port):
        load(port, bodies, CLIENTS, WARM)
        before = resident_mb(process.pid)
        found = load(port, bodies, CLIENTS, SECONDS)
        after = resident_mb(process.pid)
    grown = None if before is None or after is None else after - before
    report.row(
        load=name,
        answers=float(found.statuses[200]),
        a_second=found.rate,
        p50_ms=1e3 * found.latency(50),
        p99_ms=1e3 * found.latency(99),
        refused_429=float(found.statuses[429]),
        others=float(found.statuses.total() - found.statuses[200] - found.statuses[429]),
        MB_before=before,
        MB_after=after,
    )
    wrong = float(found.statuses.total() - found.statuses[200] - found.statuses[429])
    report.claim(f"{name}: responses but 200 and 429", wrong, 0, unit="responses")
    report.claim(f"{name}: memory grown by", grown, 10, unit="MB")


if __name__ == "__main__":
    main(__file__, __doc__, measure)
