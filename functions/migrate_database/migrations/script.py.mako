"""${message}"""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Additive only, so that the previous release keeps working."""
    ${upgrades if upgrades else "pass"}
