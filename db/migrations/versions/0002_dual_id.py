"""The Dual-ID: a uuid always, HubSpot's id once HubSpot has the record."""

from replay import replay

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    replay("0002", "up.sql")


def downgrade() -> None:
    replay("0002", "down.sql")
