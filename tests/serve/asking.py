"""A real server on loopback, in a thread of this process, and how it is asked."""

import http.client
import json
import threading
import time
from contextlib import contextmanager
from typing import NamedTuple

from regard.serve.answers import answer
from regard.serve.app import app
from regard.serve.desk import Desk
from regard.serve.guards import Guards
from regard.serve.limits import Limits
from regard.serve.server import Server, bound


class Response(NamedTuple):
    status: int
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        content = self.json
        assert set(content) == {"error"}
        return content["error"]


class Client:
    """Asks the server at a port of 127.0.0.1."""

    def __init__(self, port, desk=None, server=None):
        self.port, self.desk, self.server = port, desk, server

    def __call__(self, path, method="GET", body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            found = connection.getresponse()
            names = {name.lower(): value for name, value in found.getheaders()}
            return Response(found.status, names, found.read())
        finally:
            connection.close()

    def post(self, body, headers=None):
        body = body if isinstance(body, bytes | str) else json.dumps(body)
        headers = {"Content-Type": "application/json", **(headers or {})}
        return self("/api/predict", "POST", body, headers)


def until(condition, seconds=20):
    """Wait for something to become so."""
    last = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < last
        time.sleep(0.005)


@contextmanager
def serving(runs, limits=None, token=None, hosts=(), work=answer, grace=10):
    """A client of a server with these runs; it ends with the context."""
    limits = limits or Limits()
    with (
        bound("127.0.0.1", 0) as socket,
        Desk(work, queue=limits.queue, batch=limits.batch) as desk,
    ):
        application = app(runs, desk, limits, token=token is not None)
        ready = threading.Event()
        guarded = Guards(application, token=token, hosts=set(hosts), quiet=True)
        server = Server(guarded, ready.set, grace=grace)
        thread = threading.Thread(target=server.run, args=([socket],))
        thread.start()
        try:
            assert ready.wait(10)
            yield Client(socket.getsockname()[1], desk, server)
        finally:
            server.should_exit = True
            thread.join(30)
        assert not thread.is_alive()
