"""${message}"""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Additive, so that the code before it goes on working."""
    ${upgrades if upgrades else "pass"}
