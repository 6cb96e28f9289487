"""The socket, the signals, the end."""

import contextlib
import ipaddress
import os
import signal
import socket
from collections.abc import Callable, Iterator
from types import FrameType

import uvicorn

from regard.errors import RangeError, RegardError
from regard.serve.guards import App

GRACE = 10
"""Seconds that requests have to end in, after the signal to stop."""


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a host.

    >>> is_loopback("localhost"), is_loopback("127.0.0.2"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bound(host: str, port: int) -> socket.socket:
    """A socket at an address, which does not listen yet; port 0: any that is free.

    Raises:
        RangeError: no such port.
        RegardError: the address is another server's, or not of this machine.
    """
    if not 0 <= port < 2**16:
        raise RangeError(f"--port is 0 to 65,535: {port}")
    try:
        # The first address that a name has; of localhost the old one, which all browsers try.
        family = socket.AF_INET if host == "localhost" else socket.AF_UNSPEC
        kind, *_, address = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)[0]
    except OSError as error:
        raise RegardError(f"--host {host}: no address ({error.strerror or error})") from None
    found = socket.socket(kind, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere it would share the port with another server
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(socket.SOMAXCONN)  # that the port is another's may be told only now
    except OSError as error:
        found.close()
        raise RegardError(f"{host}:{port} cannot be bound: {error.strerror or error}") from None
    return found


def address(of: socket.socket) -> str:
    """What to open in a browser."""
    host, port = of.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


class Server(uvicorn.Server):
    """Serves an application until a signal comes; a second signal ends the process at once.

    Args:
        app: of ASGI.
        ready: called once requests are taken.
        grace: seconds that requests have to end in; the others are refused (503).
    """

    def __init__(
        self, app: App, ready: Callable[[], None] = lambda: None, *, grace: int = GRACE
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,  # pyright: ignore[reportArgumentType]
                loop="asyncio",
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,  # whoever sends them says what they like
                server_header=False,
                timeout_graceful_shutdown=grace,
            )
        )
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Unlike uvicorn's, which raises the signal again when all has ended well."""
        kinds = (signal.SIGINT, signal.SIGTERM)
        try:
            before = {kind: signal.signal(kind, self._stop) for kind in kinds}
        except ValueError:  # not the main thread: who runs it there stops it by should_exit
            yield
            return
        try:
            yield
        finally:
            for kind, handler in before.items():
                signal.signal(kind, handler)

    def _stop(self, kind: int, frame: FrameType | None) -> None:
        if self.should_exit:
            os._exit(128 + kind)
        self.should_exit = True
