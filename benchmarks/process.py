"""Calls in processes of their own: for peaks of memory, and for what cannot share a process.

A call crosses the border as a *maker* and its arguments: a function of a file of this folder that
takes JSON values and gives a function without arguments, which is the call.

Method of a peak: the process makes the call for small inputs and runs it (imports, thread pools
and compilation are then behind it), makes the call for the real ones, gives freed memory back and
sets the kernel's high-water mark to what is in use (/proc/self/clear_refs). The peak is how far one
run of the call raises that mark, in MB of 10⁶ bytes: inputs are not in it, outputs and gradients
are.
"""

import ctypes
import importlib
import inspect
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

Call = Callable[[], Sequence[Any]]
Maker = Callable[..., Call]


class Remote:
    """A call that lives in a process of its own; it idles between the calls it is asked for.

    Args:
        maker: a function at the top of a file of this folder.
        arguments: its arguments, JSON values.
    """

    def __init__(self, maker: Maker, **arguments: Any) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(Path(__file__)), _address(maker)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self.make(**arguments)

    def make(self, **arguments: Any) -> None:
        """The call for these arguments, in place of the one before."""
        self._ask("make", arguments)

    def seconds(self, calls: int) -> float:
        return self._ask("seconds", calls)

    def answers(self) -> list[np.ndarray]:
        """What the call gives."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "answers.npz")
            self._ask("answers", str(path))
            with np.load(path) as arrays:
                return [arrays[f"arr_{place}"] for place in range(len(arrays.files))]

    def peak_mb(self) -> float | None:
        """How far one run raises the process's memory; None where the system does not tell."""
        return self._ask("peak", None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        self._process.wait()
        self._errors.close()

    def _ask(self, what: str, argument: Any) -> Any:
        questions, replies = self._process.stdin, self._process.stdout
        assert questions is not None
        assert replies is not None
        try:
            questions.write(json.dumps([what, argument]) + "\n")
            questions.flush()
            reply = replies.readline()
        except BrokenPipeError:
            reply = ""
        if not reply:
            self._process.wait()
            self._errors.seek(0)
            said = self._errors.read().decode(errors="replace").strip()
            self.__exit__()
            # Without a word, it was most likely killed for want of memory.
            raise RuntimeError(f"the process ended: {said or 'without a word'}")
        return json.loads(reply)


def peak_mb(maker: Maker, small: dict[str, Any], **arguments: Any) -> float | None:
    """The peak of a call in a fresh process, in MB; None where the system does not tell it.

    Args:
        small: arguments that differ for the run that goes before.
    """
    with Remote(maker, **(arguments | small)) as remote:
        remote.seconds(1)
        remote.make(**arguments)
        return remote.peak_mb()


def _address(maker: Maker) -> str:
    # A file that is run is called __main__, and its own name where it is imported.
    return f"{Path(inspect.getfile(maker)).stem}:{maker.__name__}"


def _used_mb(field: str) -> float:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split(f"{field}:")[1].split()[0]) * 1024 / 1e6


def _peak(call: Call) -> float | None:
    if sys.platform != "linux":
        return None
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    before = _used_mb("VmRSS")
    kept = call()
    peak = _used_mb("VmHWM") - before
    del kept
    return max(peak, 0.0)


def _serve(address: str) -> None:
    # Libraries print; what they print must not end up among the replies.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    file, name = address.split(":")
    maker = getattr(importlib.import_module(file), name)
    call: Call | None = None
    for line in sys.stdin:
        what, argument = json.loads(line)
        reply: Any = None
        if what == "make":
            call = None  # frees the inputs of the last one
            call = maker(**argument)
            assert call
        elif what == "seconds" and call:
            start = time.perf_counter()
            for _ in range(argument):
                call()
            reply = time.perf_counter() - start
        elif what == "answers" and call:
            np.savez(argument, *[np.asarray(array) for array in call()])
        elif what == "peak" and call:
            reply = _peak(call)
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    _serve(sys.argv[1])
