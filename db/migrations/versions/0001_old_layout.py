"""The old layout: created where it is missing, taken over where a live database has it."""

from replay import replay

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    replay("0001", "up.sql")


def downgrade() -> None:
    replay("0001", "down.sql")
