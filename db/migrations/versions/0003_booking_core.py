"""The booking core: seats, credits, history, outbox, analytics, and the functions of api."""

from replay import drop_sources, replay, replay_sources

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    replay("0003", "up.sql", "outbox.sql", "inbox.sql", "budget.sql", "events.sql", "notes.sql")
    replay("0003", "reconcile.sql")
    replay("0003", "access.sql")
    replay_sources("0003")
    replay("0003", "after.sql")


def downgrade() -> None:
    replay("0003", "before_down.sql")
    drop_sources("0003")
    replay("0003", "down.sql")
