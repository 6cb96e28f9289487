"""How much memory what is kept may take."""

from collections import deque

import torch

from regard.watching.kept import Kept
from regard.watching.layer import Call
from regard.watching.sources import Formula

DROPPED = (
    "its tensors were dropped to make room for later calls; watch(model, memory=BYTES) keeps more, "
    "dtype=torch.float16 takes half as much, only='PATTERN' keeps some modules' alone"
)


class Room:
    """Calls, whose tensors take ``most`` bytes at most (None: any): the oldest go first.

    Memory that several calls keep alive, as of a mask, counts once. Before one goes, keys that are
    the beginning of later ones give their memory up, as those of a decoder whose cache grows.
    """

    def __init__(self, most: int | None) -> None:
        self.most, self.used = most, 0
        self._calls: deque[Call] = deque()
        self._users: dict[tuple[int, int], int] = {}
        self._wait = 0  # calls before keys are compared again: many, where it was in vain

    def enter(self, call: Call) -> None:
        """Keep a call; drop others, or this one, as far as must be."""
        self._calls.append(call)
        self._add(call)
        if self.most is None or self.used <= self.most:
            return
        self._wait -= 1
        if self._wait < 0:
            before = self.used
            self._fold()
            self._wait = 0 if self.used < 0.9 * before else len(self._calls)
        while self.used > self.most and self._calls:
            oldest = self._calls.popleft()
            self._remove(oldest)
            oldest.source, oldest.lost = None, DROPPED

    def _add(self, call: Call) -> None:
        users = self._users
        for storage in call.storages:
            many = users.get(storage, 0)
            users[storage] = many + 1
            if not many:
                self.used += storage[1]

    def _remove(self, call: Call) -> None:
        for storage in call.storages:
            self._users[storage] -= 1
            if not self._users[storage]:
                self.used -= storage[1]
                del self._users[storage]

    def _fold(self) -> None:
        """Let keys that later calls of their module begin with be parts of these."""
        last: dict[str, tuple[Kept, set[object]]] = {}
        for call in reversed(self._calls):
            source = call.source
            if not isinstance(source, Formula):
                continue
            key, (longest, equal) = source.key, last.get(call.name, (source.key, set[object]()))
            if not _begins(longest, key, equal):
                last[call.name] = (key, set())
                continue
            equal.add(_place(key))
            self._remove(call)
            part = longest.tensor.narrow(-2, 0, key.tensor.shape[-2])
            source.key = Kept(part, longest.version)
            self._add(call)
            last[call.name] = (longest, equal)


def _begins(longest: Kept, key: Kept, equal: set[object]) -> bool:
    """Whether keys begin with others; ``equal`` is where some are that are known to do so."""
    whole, part = longest.tensor, key.tensor
    if whole.shape[:-2] != part.shape[:-2] or whole.shape[-1] != part.shape[-1]:
        return False
    if part.shape[-2] > whole.shape[-2] or whole.dtype != part.dtype:
        return False
    return _place(key) in equal or torch.equal(whole.narrow(-2, 0, part.shape[-2]), part)


def _place(key: Kept) -> object:
    """Where keys begin: of those that are parts of one tensor the longest comes first."""
    return key.tensor.data_ptr(), key.tensor.stride()
