"""How the kernels are compiled.

``error_model="numpy"``: no check for division by zero, which would keep loops scalar. ``nogil``:
threads of ours run them side by side. Not ``parallel=True``: Numba would load a second OpenMP
beside torch's, and a forked worker that calls into it is killed.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numba

kernel = numba.njit(error_model="numpy", nogil=True)
"""A function of its own, compiled into what calls it."""

inline = numba.njit(error_model="numpy", nogil=True, forceinline=True)
"""A few lines that LLVM is to write into the kernel that uses them. (Numba's own ``inline`` would
copy Python's form of them thousands of times, and compile for a minute.)"""


def entry(function: Callable[..., Any]) -> Any:
    """A kernel that Python calls. It is compiled once, in some seconds, and kept on disk."""
    compiled: Any = numba.njit(error_model="numpy", nogil=True, cache=True)(function)
    # Numba looks at the age of the function's own file alone, and would keep what it compiled of
    # the others when they change.
    cache = compiled._cache
    cache._cache_file._source_stamp = _stamp()
    # A file that a full disk or a killed process broke is no reason to fail: compile again.
    load, save = cache.load_overload, cache.save_overload
    cache.load_overload = lambda *call: _or_nothing(load, call, cache)
    cache.save_overload = lambda *call: _or_nothing(save, call, cache)
    return compiled


def _or_nothing(step: Callable[..., Any], call: tuple[Any, ...], cache: Any) -> Any:
    try:
        return step(*call)
    except Exception:
        with suppress(OSError):
            cache.flush()
        return None


def _stamp() -> str:
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
