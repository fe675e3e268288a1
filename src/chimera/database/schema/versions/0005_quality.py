"""Quality: pieces that the Judge approved by itself are sampled, and a human says whether the Judge was right."""

from chimera.database.migrations import run_script

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_script(__file__)
