"""The transparency log: what was sealed for each tenant, its checkpoints, and their anchors."""

from chimera.database.migrations import run_script

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_script(__file__)
