"""``regard serve RUN...``: trained runs as a web page and a JSON API."""

import os
import sys
from pathlib import Path

from jsonargparse import Namespace

from regard.cli import words
from regard.cli.parser import Parser, Readable
from regard.errors import MissingExtra, RangeError
from regard.serve.limits import Limits

TOKEN = "REGARD_TOKEN"
"""The environment variable that may hold the token: other users of a machine see command lines."""

SHORTEST = 16
"""Characters of a token at least: what is shorter may be guessed."""

EXAMPLES = f"""
examples:
  regard serve runs/dates                          then open http://127.0.0.1:8000/
  regard serve runs/dates runs/scenes              several runs, of any systems
  regard serve runs/dates --port 0                 at any free port, which is printed
  regard serve runs/dates --queue 8 --timeout 5    refuse early what would take long

  curl http://127.0.0.1:8000/api/predict -H 'Content-Type: application/json' \\
       -d '{{"text": "5 mai 2021", "options": {{"beam": 4}}, "weights": false}}'

  for other machines, with a token that every request has to bring; what is sent can be read on the
  way, so put a server that speaks https before it:
  export {TOKEN}=$(python3 -c 'import secrets; print(secrets.token_urlsafe())')
  regard serve runs/dates --host 0.0.0.0 --allowed-host dates.example.org
"""


def serve_parser(parser: Parser, argv: list[str]) -> list[str]:
    """The words of ``serve``, for the parser that this builds."""
    parser.usage = "regard serve RUN... [options]"
    parser.formatter_class = Readable
    parser.epilog = EXAMPLES
    parser.add_argument("runs", nargs="+", type=str, metavar="RUN", help="run folders")
    parser.add_argument(
        "--host",
        type=str,
        default="127.0.0.1",
        help="the address to serve at; one that other machines reach needs --token",
    )
    parser.add_argument("--port", type=int, default=8000, help="0: any that is free")
    parser.add_argument(
        "--token",
        type=str | None,
        help=f"what requests have to bring as Authorization: Bearer TOKEN, and the page as "
        f"#token=TOKEN; null: that of the environment variable {TOKEN}, if any",
    )
    parser.add_argument(
        "--allowed-host",
        action="append",
        type=str,
        default=[],
        metavar="NAME",
        help="a name that the server has besides, as a Host header may say it; may be repeated",
    )
    parser.add_class_arguments(Limits, as_group=True)
    parser.add_argument(
        "--quiet", type=bool, default=False, help="leave out the line of each request"
    )
    return words.for_use(argv, {"--quiet"})


def serve(options: Namespace) -> int:
    """Serve until a signal comes."""
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MissingExtra("serving needs pip install 'regard[serve]'") from error
    from regard.serve.answers import answer
    from regard.serve.app import app
    from regard.serve.desk import Desk
    from regard.serve.guards import Guards
    from regard.serve.runs import opened
    from regard.serve.server import Server, address, bound

    limits = Limits(**{name: options[name] for name in Limits.__dataclass_fields__})
    token = _token(options)
    runs = opened([Path(run) for run in options.runs])
    with bound(options.host, options.port) as socket:
        desk = Desk(answer, queue=limits.queue, batch=limits.batch)
        guarded = Guards(
            app(runs, desk, limits, token=token is not None),
            token=token,
            hosts={options.host, *options.allowed_host},
            quiet=options.quiet,
        )
        where = address(socket)

        def ready() -> None:
            behind = "" if token is None else " (behind it: #token=TOKEN)"
            print(f"serving {', '.join(runs)} at {where}{behind}", flush=True)

        with desk:
            Server(guarded, ready).run([socket])
            if not desk.close(timeout=1.0):
                # The model is at work for nobody; torch cannot be stopped, only left.
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(0)
    return 0


def _token(options: Namespace) -> str | None:
    """The token, if there is one.

    Raises:
        RangeError: it may be guessed, or cannot be sent, or is missing where it is needed.
    """
    from regard.serve.server import is_loopback

    token = os.environ.get(TOKEN) if options.token is None else options.token
    if token is None:
        if not is_loopback(options.host):
            raise RangeError(
                f"--host {options.host} is reached from other machines: give a --token, or put one "
                f"into {TOKEN}"
            )
        return None
    if len(token) < SHORTEST or not token.isascii() or not token.isprintable() or " " in token:
        raise RangeError(
            f"a token has {SHORTEST} characters at least, of ASCII and without spaces; make one: "
            "python3 -c 'import secrets; print(secrets.token_urlsafe())'"
        )
    return token
