"""How the composer plans: one task for each piece of the brief, one for each promotion, and second tries."""

import re
from collections import Counter
from collections.abc import Sequence

from chimera.campaigns.types.plans import PlanDraft, PlanNode, Revision
from chimera.gateways.models.composer.inputs import Order, PlanInput, RevisionInput
from chimera.gateways.models.composer.text import clean, listed, numbers, sentences, words
from chimera.gateways.models.composer.write import NOTES, subject
from chimera.tasks.types.work import ToolCall
from chimera.values import TaskKind

MAX_NODES = 100
_MAX_GOAL = 1_000
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_PROHIBITED = re.compile(r"prohibited keyword:\s*(.+)", re.IGNORECASE)


def outline(told: PlanInput) -> PlanDraft:
    """One `create` node a piece, numbered through; promotions hang on the pieces they boost, in turn."""
    boosts = told.promotions[: MAX_NODES - 1]
    orders = told.deliverables or [Order(topics=[subject(told.goal)])]
    wanted = [
        (order, order.topics[turn % len(order.topics)] if order.topics else subject(told.goal))
        for order in orders
        for turn in range(order.count)
    ]
    pieces = _pieces(told.goal, wanted[: MAX_NODES - len(boosts)])
    nodes = list(pieces)
    for number, boost in enumerate(boosts, 1):
        piece = pieces[(number - 1) % len(pieces)]
        purpose = clean(boost.purpose) or "reach"
        nodes.append(
            PlanNode(
                key=f"promotion-{number}",
                kind=TaskKind.SPEND,
                goal=f"Boost {piece.key} with {boost.token_amount}: {purpose}.",
                tool_call=ToolCall(
                    target_mcp=boost.server,
                    action="promote_tweet",
                    parameters={
                        "token_amount": boost.token_amount,
                        "purpose": purpose,
                        "wallet": boost.wallet,
                    },
                ),
                depends_on=[piece.key],
            )
        )
    return PlanDraft(rationale=_rationale(wanted, pieces, len(boosts)), nodes=nodes)


def _pieces(goal: str, wanted: Sequence[tuple[Order, str]]) -> list[PlanNode]:
    nodes: list[PlanNode] = []
    turns: Counter[str] = Counter()
    for number, (order, topic) in enumerate(wanted, 1):
        turns[topic] += 1
        ordinal = turns[topic]
        threaded = order.action == "create_thread"
        parameters: dict[str, str | int] = {"topic": topic, "ordinal": ordinal}
        if threaded:
            parameters["length"] = f"{order.length} tweets"
        if order.media != "none":
            parameters["media"] = order.media
        what = f"thread of {order.length} posts" if threaded else "post"
        place = _ORDINALS[ordinal - 1] if ordinal <= len(_ORDINALS) else f"number {ordinal}"
        nodes.append(
            PlanNode(
                key=f"post-{number}",
                goal=f"Write the {place} {what} on “{topic}” for this goal: {clean(goal)[:_MAX_GOAL]}",
                tool_call=ToolCall(target_mcp=order.server, action=order.action, parameters={**parameters}),
                priority=order.priority,
            )
        )
    return nodes


def _rationale(wanted: Sequence[tuple[Order, str]], pieces: Sequence[PlanNode], boosts: int) -> str:
    topics = list(dict.fromkeys(topic for _, topic in wanted))
    shown = listed([f"“{topic}”" for topic in topics[:8]]) + (" and others" if len(topics) > 8 else "")
    counted = "1 piece" if len(pieces) == 1 else f"{len(pieces)} pieces"
    text = f"{counted} on {shown}. No piece waits for another."
    if len(pieces) < len(wanted):
        text += f" The brief asks for {len(wanted)}; a plan holds {MAX_NODES} tasks, so the rest is left out."
    if boosts:
        text = f"{text} Each promotion waits for the piece it boosts, and the CFO decides about it then."
    return text


def revise(told: RevisionInput) -> Revision:
    """The same task with the Judge's notes, and what the next try has to leave out.

    Without a prohibited keyword to blame, the sentence the piece rested on is left out, so that the next try
    takes another fact.
    """
    named = [match[1].strip() for reason in told.reasons if (match := _PROHIBITED.search(reason))]
    blamed = named or _gist(told.content)
    avoid = list(dict.fromkeys(word for word in [*told.avoid, *blamed] if 0 < len(word) <= 100))
    notes = [f"leave out the word “{word}”" for word in named]
    notes += [clean(reason).rstrip(".")[:300] for reason in told.reasons[:2] if not _PROHIBITED.search(reason)]
    if not named:
        notes.append("rest on another fact this time")
    before = clean(told.goal.split(NOTES)[0])[: 2 * _MAX_GOAL] or "Write the piece."
    return Revision(goal=f"{before}{NOTES} {'; '.join(notes)}.", avoid=avoid[-50:])


def _gist(content: Sequence[str]) -> list[str]:
    """A telling run of words from the piece's longest sentence: enough to know its fact again."""
    said = [line for part in content for line in sentences(_without_voice(part))]
    if not said:
        return []
    longest = max(said, key=lambda line: (len(words(line)), len(numbers(line))))
    return [" ".join(longest.split()[1:6]).strip(" .,;:!?\"'“”\u2018\u2019()")]


def _without_voice(part: str) -> str:
    """A post without counter and link; a head that ends in a colon stays, as it may belong to the fact."""
    return re.sub(r"https?://\S+|#\w+", " ", re.sub(r"^\d+/\d+ ", "", part))
