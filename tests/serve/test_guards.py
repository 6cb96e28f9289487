"""Who may ask: by Host, by origin, by token; and what every response forbids."""

import http.client
import socket

import pytest

from regard.serve.guards import HEADERS
from tests.serve.asking import serving
from tests.serve.systems import runs

TOKEN = "a-token-of-some-length"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def ask():
    with serving(runs("translator"), hosts=["Dates.example.org"]) as client:
        yield client


@pytest.fixture(scope="module")
def closed():
    with serving(runs("translator"), token=TOKEN) as client:
        yield client


def test_every_response_forbids_what_the_page_does_not_need(ask):
    page = ask("/")
    assert page.status == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert b"http:" not in page.body
    assert b"https:" not in page.body
    responses = [page, ask("/regard.js"), ask("/nowhere"), ask("/", headers={"Host": "a.example"})]
    for response in [*responses, ask.post("{"), ask("/api/runs", "DELETE")]:
        assert HEADERS.items() <= response.headers.items()
        assert "server" not in response.headers
        assert "access-control-allow-origin" not in response.headers
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; ")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "evil.example:80", "", "localhost.", "127.0.0.2"],
)
def test_a_host_that_is_not_ours_is_refused(ask, host):
    refused = ask("/health", headers={"Host": host})
    assert (refused.status, "--allowed-host" in refused.error) == (421, True)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:9", "127.0.0.1", "[::1]:8000", "dates.example.org:443"]
)
def test_a_host_of_ours_is_answered(ask, host):
    assert ask("/health", headers={"Host": host}).json["status"] == "ok"


def test_a_request_without_a_host_is_refused(ask):
    with socket.create_connection(("127.0.0.1", ask.port)) as line:
        line.sendall(b"GET /health HTTP/1.0\r\n\r\n")
        assert line.recv(1_000).startswith(b"HTTP/1.1 421 ")


def test_pages_of_other_sites_are_refused(ask):
    ours = f"http://127.0.0.1:{ask.port}"
    others = ["http://evil.example", "null", f"http://localhost:{ask.port}", "http://127.0.0.1:1"]
    for origin in others:
        refused = ask.post({"text": "abc"}, {"Origin": origin})
        assert (refused.status, "other sites" in refused.error) == (403, True)
    assert ask.post({"text": "abc"}, {"Origin": ours}).status == 200
    for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 200)):
        assert ask.post({"text": "abc"}, {"Sec-Fetch-Site": site}).status == status
        assert ask("/api/runs", headers={"Sec-Fetch-Site": site}).status == status
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert ask("/", headers=link).status == 200  # somebody followed a link to the page
    assert ask.post({"text": "abc"}, link).status == 403  # or a form was sent


def test_with_a_token_the_page_is_open_and_nothing_else(closed):
    for path in ("/", "/app.js", "/app.css", "/regard.js", "/regard.css"):
        assert closed(path).status == 200
    assert closed("/health").json == {"status": "ok"}
    assert closed("/health", headers=BEARER).json["runs"] == ["translator"]
    wrong = [{}, {"Authorization": TOKEN}, {"Authorization": f"Bearer {TOKEN}x"}]
    wrong += [{"Authorization": f"Basic {TOKEN}"}, {"Authorization": "Bearer "}]
    for headers in wrong:
        for response in (closed("/api/runs", headers=headers), closed.post({"text": "a"}, headers)):
            assert response.status == 401
            assert response.headers["www-authenticate"] == "Bearer"
        assert closed("/openapi.json", headers=headers).status == 401
        assert closed("/nowhere", headers=headers).status == 401
    assert closed.post({"text": "abc"}, BEARER).status == 200
    described = closed("/openapi.json", headers=BEARER).json
    assert described["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert b"token" not in closed("/").body


def test_a_refused_body_leaves_the_connection_usable(closed):
    line = http.client.HTTPConnection("127.0.0.1", closed.port, timeout=30)
    line.request("POST", "/api/predict", b"x" * 3_000_000, {"Content-Type": "application/json"})
    response = line.getresponse()
    assert (response.status, b"Bearer" in response.read()) == (401, True)
    line.request("GET", "/health")
    assert line.getresponse().status == 200
    line.close()


def test_what_is_no_http_is_refused(ask):
    for raw in (b"\x16\x03\x01\x02\x00\x01", b"what is this?", b"GET / HTTP/x.y"):
        with socket.create_connection(("127.0.0.1", ask.port)) as line:
            line.sendall(raw + b"\r\n\r\n")
            assert line.recv(1_000).startswith(b"HTTP/1.1 400 ")
    with socket.create_connection(("127.0.0.1", ask.port)) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 200_000 + b"\r\n\r\n")
        assert line.recv(1_000).startswith(b"HTTP/1.1 400 ")
    assert ask("/health").status == 200
