"""Campaigns and their plans, to read."""

from uuid import UUID

from chimera.campaigns.rules import planning
from chimera.campaigns.types.plans import PlanDraft
from chimera.campaigns.types.views import CampaignView, PlanView
from chimera.database.postgres import queries
from chimera.database.reads import TenantReads, one, view
from chimera.values import Page

SQL = queries("campaigns/reads")


class CampaignReads(TenantReads):
    """What the fleet is to reach, and how it means to."""

    async def campaigns(self, tenant_id: UUID, limit: int, before: UUID | None = None) -> Page[CampaignView]:
        """Campaigns with the number of their tasks in each state."""
        async with self._see(tenant_id) as connection:
            views = [view(CampaignView, row) for row in await connection.fetch(SQL["campaigns"], before, limit, None)]
        return Page(items=views, next=views[-1].campaign_id if len(views) == limit else None)

    async def campaign(self, tenant_id: UUID, campaign_id: UUID) -> CampaignView:
        """One campaign. NotFound when there is none."""
        async with self._see(tenant_id) as connection:
            found = await connection.fetch(SQL["campaigns"], None, 1, campaign_id)
        return view(CampaignView, one(found, f"campaign {campaign_id} does not exist"))

    async def plan(self, tenant_id: UUID, campaign_id: UUID) -> PlanView:
        """The campaign's latest plan. NotFound before there is one."""
        async with self._see(tenant_id) as connection:
            found = await connection.fetch(SQL["plan"], campaign_id)
        row = one(found, f"campaign {campaign_id} has no plan (yet)")
        draft = PlanDraft.model_validate_json(row["draft"])
        lines = [f"{'  ' * depth}{node.key}: {node.goal}" for depth, node in planning.tree(draft)]
        return PlanView.model_validate({**dict(row), "draft": draft, "tree": lines})
