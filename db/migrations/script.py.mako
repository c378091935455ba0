"""${message}

Revision: ${up_revision}, follows ${down_revision | comma,n}
"""

from replay import replay

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Paste here what `make freeze` prints."""


def downgrade() -> None:
    """Paste here what `make freeze` prints."""
