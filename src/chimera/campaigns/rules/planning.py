"""Plans: a graph of tasks that must hang together before any of them runs (ORC-9)."""

from collections.abc import Mapping
from decimal import Decimal
from graphlib import CycleError, TopologicalSorter

from chimera.campaigns.types.brief import Brief
from chimera.campaigns.types.plans import PlanDraft, PlanNode
from chimera.media.types import Generator, Tier
from chimera.tasks.rules import kind_of
from chimera.values import Priority, TaskKind
from chimera_protocol.errors import Invalid
from chimera_protocol.money import Money


def check(draft: PlanDraft, tools: frozenset[tuple[str, str]] | None = None) -> list[PlanNode]:
    """The nodes in an order in which they can be done.

    Invalid for twin keys, unknown dependencies, a cycle, or a tool outside `tools` (server, name).
    """
    keys = [node.key for node in draft.nodes]
    twins = sorted({key for key in keys if keys.count(key) > 1})
    if twins:
        raise Invalid(f"the plan names these nodes twice: {', '.join(twins)}", remedy="Give every node its own key.")
    for node in draft.nodes:
        missing = sorted(set(node.depends_on) - set(keys))
        if missing:
            raise Invalid(f"node {node.key} depends on nodes that do not exist: {', '.join(missing)}")
        target = (node.tool_call.target_mcp, node.tool_call.action)
        if tools is not None and target not in tools:
            raise Invalid(
                f"node {node.key} asks for the unknown tool {target[0]}/{target[1]}",
                remedy=f"Known tools: {', '.join(sorted('/'.join(tool) for tool in tools))}.",
            )
    try:
        order = list(TopologicalSorter({node.key: node.depends_on for node in draft.nodes}).static_order())
    except CycleError as error:
        raise Invalid(f"the plan goes in a circle: {' -> '.join(error.args[1])}") from error
    by_key = {node.key: node for node in draft.nodes}
    return [by_key[key] for key in order]


def tree(draft: PlanDraft) -> list[tuple[int, PlanNode]]:
    """The plan for reading: each node once, under the first node it depends on, with its depth."""
    children: dict[str | None, list[PlanNode]] = {}
    for node in check(draft):
        children.setdefault(node.depends_on[0] if node.depends_on else None, []).append(node)

    def below(parent: str | None, depth: int) -> list[tuple[int, PlanNode]]:
        return [row for node in children.get(parent, []) for row in [(depth, node), *below(node.key, depth + 1)]]

    return below(None, 0)


def within(draft: PlanDraft, brief: Brief) -> None:
    """Invalid when a plan wants to spend what the brief does not offer, or to somebody else."""
    offered = [(promotion.token_amount, promotion.wallet) for promotion in brief.promotions]
    for node in draft.nodes:
        given = node.tool_call.parameters
        wanted = given.get("token_amount"), given.get("wallet")
        if TaskKind.SPEND in (node.kind, kind_of(node.tool_call)) and wanted not in offered:
            raise Invalid(
                f"node {node.key} wants to spend {wanted[0]} to {wanted[1]}, which the brief does not offer",
                remedy="Add the promotion to the campaign's brief, or take the node out.",
            )
        if node.kind is not kind_of(node.tool_call):
            raise Invalid(f"node {node.key} is a {node.kind.value}, but its call makes it another kind")


def tier_of(priority: Priority) -> Tier:
    """What a piece of this priority is worth: milestones get the better pictures and clips (MED-3)."""
    return Tier.HERO if priority is Priority.HIGH else Tier.DAILY


def with_tiers(draft: PlanDraft, brief: Brief, makers: Mapping[str, Generator]) -> PlanDraft:
    """Each piece with a picture or clip gets its tier, by its priority and by what the budget leaves (MED-3).

    What is promised to others and the everyday tier of all pieces come first; the better tier is paid from the rest,
    in the order of the plan. Where the draft names a tier, it stays.
    """
    purse = _Purse(brief)
    makes = {node.key: makers.get(str(node.tool_call.parameters.get("media"))) for node in draft.nodes}
    for maker in makes.values():
        purse.pay(maker.prices.get(Tier.DAILY) if maker else None)
    nodes = []
    for node in draft.nodes:
        maker = makes[node.key]
        if maker is not None and "tier" not in node.tool_call.parameters:
            tier = tier_of(node.priority)
            if tier is Tier.HERO and not purse.swap(maker.prices.get(Tier.DAILY), maker.prices.get(Tier.HERO)):
                tier = Tier.DAILY
            parameters = {**node.tool_call.parameters, "tier": tier.value}
            node = node.model_copy(update={"tool_call": node.tool_call.model_copy(update={"parameters": parameters})})
        nodes.append(node)
    return draft.model_copy(update={"nodes": nodes})


class _Purse:
    """What a brief's budget leaves, by currency; a currency without a limit buys nothing (FIN-3)."""

    def __init__(self, brief: Brief) -> None:
        self._left: dict[str, Decimal] = {}
        self._each: dict[str, Decimal] = {}
        for limit in brief.budget:
            kept = self._each if limit.span == "transaction" else self._left
            money = limit.money
            kept[money.currency] = min(money.amount, kept.get(money.currency, money.amount))
        for promotion in brief.promotions:
            self.pay(promotion.token_amount)

    def pay(self, price: str | None) -> None:
        """So much is gone, whether it fits or not."""
        if price is not None:
            money = Money.parse(price)
            self._left[money.currency] = self._left.get(money.currency, Decimal(0)) - money.amount

    def swap(self, old: str | None, new: str | None) -> bool:
        """Pay the new price in place of the old one, if it fits."""
        if new is None:
            return True
        money, back = Money.parse(new), Money.parse(old) if old else None
        returned = back.amount if back is not None and back.currency == money.currency else Decimal(0)
        left = self._left.get(money.currency, Decimal(0)) + returned - money.amount
        if left < 0 or money.amount > self._each.get(money.currency, money.amount):
            return False
        self._left[money.currency] = left
        return True
