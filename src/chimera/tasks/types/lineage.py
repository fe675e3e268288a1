"""The line from a piece back to its goal (PRV-3)."""

from chimera.money.types.views import TransactionView
from chimera.provenance.types.views import AssetView, GenerationLogView
from chimera.tasks.types.views import TaskView
from chimera_protocol.wire import Wire


class Lineage(Wire):
    """From a piece back to its goal: plan, prompts, model, seeds, scores, costs (PRV-3)."""

    asset: AssetView
    log: list[GenerationLogView]
    costs: list[TransactionView]
    ancestors: list[TaskView]
