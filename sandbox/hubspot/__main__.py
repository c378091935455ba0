"""``python -m sandbox.hubspot``: start the simulator and say where it is."""

import argparse
import json
import secrets

from sandbox.hubspot.app import create_app
from sandbox.hubspot.clock import Clock
from sandbox.hubspot.faults import Faults
from sandbox.hubspot.limits import TIERS, Limits
from sandbox.hubspot.seed import fill
from sandbox.hubspot.server import bind, serve, url_of
from sandbox.hubspot.store import Store


def main(arguments: list[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT; one JSON line on stdout says url and token when ready."""
    options = _parser().parse_args(arguments)
    clock = Clock()
    store = Store(options.seed, clock, unique=not options.no_unique, keys=not options.no_keys)
    if not options.empty:
        fill(store, options.seed, contacts=options.contacts, exams=options.exams)
    token = options.token or f"pat-sandbox-{secrets.token_hex(16)}"
    app = create_app(store, Limits(options.tier, clock), Faults(options.seed), token)
    listener = bind(options.host, options.port)
    ready = json.dumps({"url": url_of(listener), "token": token})
    serve(app, listener, lambda: print(ready, flush=True))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.hubspot",
        description="A HubSpot on this machine, for trying things out and for tests.",
        epilog="example: python -m sandbox.hubspot --port 8900 --seed 7 --tier professional",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0 lets the system choose")
    parser.add_argument("--seed", type=int, default=7, help="of data, shuffling and chance")
    parser.add_argument("--contacts", type=int, default=3000, help="how many contacts to make")
    parser.add_argument("--exams", type=int, default=48, help="how many mock exams to make")
    parser.add_argument("--token", help="bearer token; a random one is made and printed")
    parser.add_argument("--tier", choices=TIERS, default="starter", help="whose limits apply")
    parser.add_argument("--empty", action="store_true", help="start without records")
    parser.add_argument(
        "--no-unique",
        action="store_true",
        help="an account in which student_id and booking_id were never declared unique",
    )
    parser.add_argument(
        "--no-keys",
        action="store_true",
        help="an account that has neither student_id nor booking_id",
    )
    return parser


if __name__ == "__main__":
    main()
