"""Who may ask, and the headers of every response."""

import asyncio
import hmac
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Set
from typing import Any

from regard.serve.refusals import Refusal

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""Names of this machine that no other machine's name server can give away."""

OPEN = frozenset({"/", "/app.js", "/app.css", "/regard.js", "/regard.css", "/health"})
"""What is told without a token: the page, which has no secrets, and whether the server lives."""

HEADERS: Mapping[str, str] = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""Of every response: nothing is loaded from elsewhere, no script stands in a page, nobody frames
it."""


class Guards:
    """Stands before the application: refuses who may not ask, and logs.

    Args:
        app: the application, of ASGI.
        token: what every request but those for the page has to bring; None: nothing.
        hosts: what a Host header may say besides the names of this machine and the address that
            the request came to. A page of another site, whose name server says that it lives at
            this address, says its own name there.
        quiet: whether requests are not logged.
    """

    def __init__(
        self, app: App, *, token: str | None, hosts: Set[str] = frozenset(), quiet: bool = False
    ) -> None:
        self._app, self._quiet = app, quiet
        self._token = None if token is None else f"Bearer {token}".encode()
        self._hosts = LOOPBACK | {host.lower() for host in hosts}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # no web sockets, and no lifespan
            return
        began, status = time.perf_counter(), 0

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message.get("headers", ()), *own]
            await send(message)

        try:
            self._check(scope)
            await self._app(scope, receive, sent)
        except Refusal as refusal:
            await respond(refusal, sent)
        except asyncio.CancelledError:  # by the server, which ends and waits no longer
            if not status:
                await respond(Refusal(503, "the server is stopping"), sent)
        finally:
            if not self._quiet:
                took = 1000 * (time.perf_counter() - began)
                print(f"{_line(scope)} {status or '-'} {took:.1f} ms", file=sys.stderr, flush=True)

    def _check(self, scope: Message) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1").lower()
        server = (scope.get("server") or ("",))[0]
        if _name(host) not in self._hosts | {server, f"[{server}]"}:
            raise Refusal(
                421,
                "the Host header names none of this server's names (--allowed-host adds one)",
            )
        self._check_origin(scope, headers, host)
        # That a token is right is asked in a time which does not tell how much of it is.
        right = self._token is None or hmac.compare_digest(
            headers.get(b"authorization", b""), self._token
        )
        scope["trusted"] = right
        if not right and scope["path"] not in OPEN:
            raise Refusal(
                401, "expected Authorization: Bearer TOKEN", {"www-authenticate": "Bearer"}
            )

    def _check_origin(self, scope: Message, headers: Mapping[bytes, bytes], host: str) -> None:
        """Refuse what another site's page asks for in its visitor's name."""
        origin = headers.get(b"origin")
        if origin is not None:
            _, colons, where = origin.decode("latin-1").lower().partition("://")
            if not colons or where != host:
                raise Refusal(403, "requests from pages of other sites are refused (Origin)")
        followed = headers.get(b"sec-fetch-mode") == b"navigate" and scope["method"] in (
            "GET",
            "HEAD",
        )
        site = headers.get(b"sec-fetch-site", b"none")
        if site not in (b"none", b"same-origin") and not followed:
            raise Refusal(403, "requests from pages of other sites are refused (Sec-Fetch-Site)")


async def respond(refusal: Refusal, send: Send) -> None:
    """Send a refusal."""
    headers = {
        "content-type": "application/json",
        "content-length": str(len(refusal.body)),
        "cache-control": "no-store",
        **refusal.headers,
    }
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": raw})
    await send({"type": "http.response.body", "body": refusal.body})


def _name(host: str) -> str:
    """A Host header without its port."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def _line(scope: Message) -> str:
    """Method and path as they came, percent signs included: nothing that commands a terminal."""
    path = scope.get("raw_path") or scope["path"].encode("utf-8", "replace")
    shown = path.decode("latin-1")[:100]
    return f"{scope['method']} {shown if shown.isascii() and shown.isprintable() else '?'}"
