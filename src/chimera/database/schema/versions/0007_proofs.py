"""Proofs: finding a piece by what it says and shows, and by where it was published."""

from chimera.database.migrations import run_script

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_script(__file__)
