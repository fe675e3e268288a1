"""Money: pending transfers, accounts, limits by category and payee, a chain of decisions, wallets."""

from chimera.database.migrations import run_script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_script(__file__)
