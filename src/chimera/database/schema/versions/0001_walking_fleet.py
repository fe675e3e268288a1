"""The first schema: tenants, personas, campaigns, tasks, the seed's four tables, budgets, effects, audit."""

from chimera.database.migrations import run_script

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Run the SQL beside this file."""
    run_script(__file__)
