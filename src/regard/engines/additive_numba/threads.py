"""Work for as many threads as torch uses: a pool of our own, for kernels that hold no GIL."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch

_pools: dict[tuple[int, int], ThreadPoolExecutor] = {}


def run(work: Sequence[Callable[[], None]]) -> None:
    """Run all, the first on this thread.

    The pool belongs to the process: a forked worker, whose parent's threads it has not, makes its
    own. It has as many threads as torch is set to use now.
    """
    if len(work) == 1:
        work[0]()
        return
    pool = _pool(os.getpid(), len(work) - 1)
    others = [pool.submit(job) for job in work[1:]]
    work[0]()
    for other in others:
        other.result()


def count(cost: float, least: float) -> int:
    """How many threads a cost is worth, if a thread is worth ``least``."""
    return max(1, min(torch.get_num_threads(), int(cost // least)))


def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    key = process, threads
    if key not in _pools:
        _pools[key] = ThreadPoolExecutor(threads, thread_name_prefix="regard")
    return _pools[key]
