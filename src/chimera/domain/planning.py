"""Plans: a graph of tasks that must hang together before any of them runs (ORC-9)."""

from graphlib import CycleError, TopologicalSorter

from chimera.contracts.errors import Invalid
from chimera.contracts.fleet import Brief
from chimera.contracts.values import TaskKind
from chimera.contracts.work import PlanDraft, PlanNode, ToolCall


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


def kind_of(call: ToolCall) -> TaskKind:
    """What a task for this call is: one that costs money goes to the CFO, whatever its author calls it."""
    return TaskKind.SPEND if "token_amount" in call.parameters else TaskKind.CREATE


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
