"""What people are shown: the read side, for the API, the board and the CLI."""

from datetime import datetime

from chimera.campaigns.types.views import CampaignView
from chimera.fleet.types.health import Health
from chimera.money.types.views import LimitView
from chimera.personas.types.views import InfluencerView
from chimera.values import HaltScope
from chimera_protocol.wire import Wire


class HaltView(Wire):
    """A halt in force."""

    scope: HaltScope
    target: str
    reason: str
    actor: str
    halted_at: datetime


class FleetView(Wire):
    """The fleet at a glance (UI-1)."""

    influencers: list[InfluencerView]
    campaigns: list[CampaignView]
    limits: list[LimitView]
    halts: list[HaltView]
    health: Health
    approvals_waiting: int
    published: int
