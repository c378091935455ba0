"""`glue serve`: the door of HubSpot's webhooks, of «sync now» and of no-code tools."""

import click

from glue import config
from glue.cli_parts import json_option, print_json
from glue.serve import run
from glue.serve.state import open_state


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0: any."
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes; one takes thousands of events a second.",
)
@json_option
def serve(host: str, port: int, workers: int, as_json: bool) -> None:
    """Take HubSpot's webhooks, «sync now» and the calls of no-code tools, behind a proxy.

    \b
    Paths:
      POST /webhooks/hubspot              signed by HubSpot
      POST /sync/exam/ID, /sync/all       with SYNC_SECRET
      POST /door/exams, /door/contacts    with DOOR_SECRET
      GET  /healthz, /readyz
    \b
    Environment, besides DATABASE_URL, REDIS_URL and the two object types:
      WEBHOOK_PUBLIC_URL      the address HubSpot posts to   (required)
      HUBSPOT_CLIENT_SECRET   of the app                     (required)
      SYNC_SECRET, DOOR_SECRET                               (for their paths)
    \b
    Example:
      glue serve --port 8080
    """
    settings = config.serve()
    listener = run.bind(host, port)
    url = run.url_of(listener)

    def ready() -> None:
        if as_json:
            print_json({"url": url})
        else:
            click.echo(f"listening on {url}")

    if workers == 1:
        run.serve(open_state(settings), listener, ready)
    else:
        run.serve_workers(listener, workers, ready)
