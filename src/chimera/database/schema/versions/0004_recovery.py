"""Recovery: bounded lives for dead letters, questions about effects, a watched sweeper, sketches of pieces."""

from chimera.database.migrations import run_script

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_script(__file__)
