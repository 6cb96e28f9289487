"""What a request is refused with."""

import json


class Refusal(Exception):
    """A request that is not answered: the status and the reason that its client is told.

    Attributes:
        status: of HTTP, 400 … 599.
        reason: a sentence for the client.
        headers: of the response, besides those of every response.
    """

    def __init__(self, status: int, reason: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason, self.headers = status, reason, headers or {}

    @property
    def body(self) -> bytes:
        """JSON, in ASCII, for a reason may quote what cannot be encoded."""
        return json.dumps({"error": self.reason}).encode("ascii")
