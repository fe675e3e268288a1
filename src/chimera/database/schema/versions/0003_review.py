"""Review: claims, snoozing, taking back, four eyes, escalation."""

from chimera.database.migrations import run_script

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_script(__file__)
