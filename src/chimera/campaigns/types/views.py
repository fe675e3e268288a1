"""Campaigns and plans, as people see them."""

from datetime import datetime
from uuid import UUID

from chimera.campaigns.types.plans import PlanDraft
from chimera.values import CampaignStatus, TaskStatus
from chimera_protocol.wire import Wire


class CampaignView(Wire):
    """A campaign and how far it is."""

    campaign_id: UUID
    agent_id: UUID
    persona: str
    name: str
    goal: str
    status: CampaignStatus
    standing: bool
    state_version: int
    tasks: dict[TaskStatus, int]
    published: int
    created_at: datetime


class PlanView(Wire):
    """A plan, as a graph and as a tree for reading."""

    plan_id: UUID
    campaign_id: UUID
    status: str
    author: str
    draft: PlanDraft
    tree: list[str]
    created_at: datetime
