"""An import in a process of its own, which a test kills; it begins quickly, for it needs little."""

from glue import importing
from glue.config import HubSpotConfig
from glue.db import connect
from glue.hubspot import HubSpot
from glue.rpc import Rpc


def run(url: str, config: HubSpotConfig) -> None:
    """Imports the account into the database."""
    with connect(url) as connection, HubSpot(config) as hubspot:
        importing.run(Rpc(connection), hubspot)
