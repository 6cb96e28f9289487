"""``regard.Memory`` beside itself: threads that read while others add, and copies."""

import copy
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from memory.made import objects, same, vectors
from regard import Memory


@pytest.mark.parametrize("named", [True, False])
def test_readers_beside_writers_lose_no_row(named, monkeypatch):
    memory, done, cat = Memory(), threading.Event(), torch.cat

    def slow(*parts):  # as it is with many rows: others come to run between copying and keeping
        whole = cat(*parts)
        time.sleep(0.001)
        return whole

    monkeypatch.setattr(torch, "cat", slow)

    def write(first):
        for n in range(first, 2000, 2):
            memory.add(torch.full((9,), float(n)), n if named else torch.tensor([float(n)]))

    def read():
        while not done.is_set():
            best = memory.read(torch.ones(9), score="dot", normalizer="hard", top_k=1)
            number = best.objects[0] if named else best.item()
            assert list(memory.select(torch.full((9,), float(number)))) == [number]
            assert len(copy.copy(memory).keys) <= len(memory)

    memory.add(torch.full((9,), 2000.0), 2000 if named else torch.tensor([2000.0]))
    with ThreadPoolExecutor(3) as pool:
        reader = pool.submit(read)
        try:
            for writer in [pool.submit(write, first) for first in (0, 1)]:
                writer.result()
        finally:
            done.set()
        reader.result()
    values = memory.values if named else memory.values[:, 0].tolist()
    assert len(memory) == len(values) == 2001
    assert memory.keys[:, 0].tolist() == values  # every key has its own value
    assert sorted(values) == list(range(2001))


@pytest.mark.parametrize("make", [Memory, vectors, objects])
@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda memory: pickle.loads(pickle.dumps(memory))]
)
def test_copies_live_alone(make, copied):
    memory = make()
    rows, twin = len(memory), copied(memory)
    assert same(twin, memory)
    twin.add(memory.keys if rows else [1.0], memory.values if rows else "a")
    assert len(twin) == len(twin.keys) == (2 * rows or 1)
    assert len(memory) == len(memory.keys) == rows
