"""The read side as one: what API, board and CLI look things up in, each room's reads under one roof."""

from chimera.audit.reads import AuditReads
from chimera.campaigns.reads import CampaignReads
from chimera.fleet.reads import FleetReads
from chimera.money.reads import MoneyReads
from chimera.personas.reads import PersonaReads
from chimera.provenance.reads import ProvenanceReads
from chimera.review.reads import ReviewReads
from chimera.tasks.reads import TaskReads


class ReadService(
    PersonaReads, CampaignReads, TaskReads, ReviewReads, MoneyReads, ProvenanceReads, AuditReads, FleetReads
):
    """Lists are newest first; `before` is the last id of the page before, `limit` at most 500."""
