"""How much memory what is kept may take."""

from collections import deque

from regard.watching.layer import Call

DROPPED = (
    "its tensors were dropped to make room for later calls; watch(model, memory=BYTES) keeps more, "
    "dtype=torch.float16 takes half as much, only='PATTERN' keeps some modules' alone"
)


class Room:
    """Calls, whose tensors take ``most`` bytes at most (None: any): the oldest go first.

    Memory that several calls keep alive, as of a mask, counts once.
    """

    def __init__(self, most: int | None) -> None:
        self.most, self.used = most, 0
        self._calls: deque[Call] = deque()
        self._users: dict[tuple[int, int], int] = {}

    def enter(self, call: Call) -> None:
        """Keep a call; drop others, or this one, as far as must be."""
        self._calls.append(call)
        users = self._users
        for storage in call.storages:
            many = users.get(storage, 0)
            users[storage] = many + 1
            if not many:
                self.used += storage[1]
        while self.most is not None and self.used > self.most and self._calls:
            self._drop(self._calls.popleft())

    def _drop(self, call: Call) -> None:
        for storage in call.storages:
            self._users[storage] -= 1
            if not self._users[storage]:
                self.used -= storage[1]
                del self._users[storage]
        call.source, call.lost = None, DROPPED
