"""The addresses, and what each gives."""

import asyncio
import json
import time
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from regard.serve.asked import Asked, asked
from regard.serve.desk import Desk
from regard.serve.limits import Limits
from regard.serve.openapi import JSON, description
from regard.serve.refusals import Refusal
from regard.serve.runs import Served
from regard.view import module

GONE = 499
"""What the log says of a request whose client left: no response is seen."""


def app(
    runs: Mapping[str, Served], desk: Desk[Asked], limits: Limits, *, token: bool = False
) -> Starlette:
    """The application, of ASGI; the guards stand before it."""
    began = time.monotonic()

    async def predict(request: Request) -> Response:
        _check_type(request)
        with desk.place():
            deadline = asyncio.get_running_loop().time() + limits.timeout
            try:
                async with asyncio.timeout_at(deadline):
                    body = await _body(request, limits.body)
            except TimeoutError:
                raise Refusal(
                    408, "the body did not arrive in time", {"connection": "close"}
                ) from None
            wanted = asked(body, runs, limits)
            del body
            return await _answered(request, desk, wanted, deadline)

    async def served(request: Request) -> Response:
        return _json([run.as_json() for run in runs.values()])

    async def described(request: Request) -> Response:
        return _json(description(runs, limits, token=token))

    async def health(request: Request) -> Response:
        found: dict[str, Any] = {"status": "ok"}
        if request.scope.get("trusted", True):
            uptime = round(time.monotonic() - began, 3)
            found |= {"runs": [*runs], "queue": desk.waiting, "uptime": uptime}
        return _json(found)

    return Starlette(
        routes=[
            Route("/api/predict", predict, methods=["POST"]),
            Route("/api/runs", served),
            Route("/openapi.json", described),
            Route("/health", health),
            *(Route(path, _page(*content)) for path, content in _pages().items()),
        ],
        exception_handlers={
            Refusal: _refused,
            HTTPException: _missed,
            ClientDisconnect: _gone,
            Exception: _failed,
        },
    )


def _pages() -> Mapping[str, tuple[str, str]]:
    """Of each address of the page its text and its type."""
    page = files("regard.serve") / "page"
    return {
        "/": ((page / "index.html").read_text("utf-8"), "text/html"),
        "/app.css": ((page / "app.css").read_text("utf-8"), "text/css"),
        "/app.js": ((page / "app.js").read_text("utf-8"), "text/javascript"),
        "/regard.css": (module.style(), "text/css"),
        "/regard.js": (module.script(exports=True), "text/javascript"),
    }


def _page(text: str, kind: str) -> Any:
    content = text.encode("utf-8")

    async def page(request: Request) -> Response:
        headers = {"cache-control": "no-cache"}
        return Response(content, media_type=f"{kind}; charset=utf-8", headers=headers)

    return page


def _check_type(request: Request) -> None:
    # A form of another site's page can send other types without asking, and never this one.
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON:
        raise Refusal(415, f"the body is of the type {JSON}")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Refusal(415, "the body is not compressed")


async def _body(request: Request, most: int) -> bytes:
    """The body; of a longer one the rest is not kept."""
    told = request.headers.get("content-length", "0")
    found = bytearray()
    if not told.isdigit() or int(told) <= most:
        async for chunk in request.stream():
            found += chunk
            if len(found) > most:
                break
        else:
            return bytes(found)
    raise Refusal(413, f"the body is larger than {most:,} bytes")


async def _answered(
    request: Request, desk: Desk[Asked], wanted: Asked, deadline: float
) -> Response:
    """The answer, unless it takes too long or nobody waits for it any more."""
    answer = asyncio.ensure_future(desk.answer(wanted))
    left = asyncio.ensure_future(_left(request))
    try:
        until = deadline - asyncio.get_running_loop().time()
        done, _ = await asyncio.wait(
            {answer, left}, timeout=max(0.0, until), return_when=asyncio.FIRST_COMPLETED
        )
        if answer in done:
            return Response(answer.result(), media_type=JSON, headers={"cache-control": "no-store"})
        if left in done:
            return Response(status_code=GONE)
        raise Refusal(504, "the answer took too long: shorten the question, or come again later")
    finally:
        answer.cancel()
        left.cancel()


async def _left(request: Request) -> None:
    """Until the client goes away: behind its body comes nothing else."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _json(content: Any) -> Response:
    text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    return Response(text, media_type=JSON, headers={"cache-control": "no-store"})


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    headers = {"cache-control": "no-store", **error.headers}
    return Response(error.body, error.status, headers, JSON)


async def _missed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    why = {404: "there is nothing at this address", 405: "this address takes another method"}
    refusal = Refusal(error.status_code, why.get(error.status_code, error.detail))
    refusal.headers.update(error.headers or {})
    return await _refused(request, refusal)


async def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=GONE)


async def _failed(request: Request, error: Exception) -> Response:
    return await _refused(request, Refusal(500, "the server failed; its log says why"))
