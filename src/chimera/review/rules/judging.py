"""What the Judge checks in code, and how a score becomes a decision (JDG-1..3)."""

from collections.abc import Iterable, Mapping

from chimera.gateways.mcp.types import Platform
from chimera.personas.types.policy import Policy, ScoreBounds
from chimera.tasks.rules import count_words, mentions, surely_fits, weighted_length
from chimera.tasks.types.work import Artifact, Constraints
from chimera.values import Decision


def breaches(artifact: Artifact, constraints: Constraints, policy: Policy, platform: Platform) -> list[str]:
    """Every rule that a piece breaks, in words; an empty list when it may be weighed further."""
    found = []
    words = sum(count_words(part) for part in artifact.parts)
    if constraints.max_word_count is not None and words > constraints.max_word_count:
        found.append(f"{words} words, at most {constraints.max_word_count} are allowed")
    text = "\n".join(artifact.parts)
    for keyword in sorted({*constraints.prohibited_keywords, *policy.forbidden_keywords}):
        if mentions(text, keyword):
            found.append(f"prohibited keyword: {keyword}")
    limit = platform.max_length
    if artifact.type == "transaction":
        return found
    if platform.ai_label is None and not mentions(artifact.parts[0], policy.disclosure):
        found.append(f"the platform has no AI label, and the text does not say {policy.disclosure!r}")
    if limit is not None:
        for number, part in enumerate(artifact.parts, 1):
            length = 0 if surely_fits(part, limit) else weighted_length(part)
            if length > limit:
                found.append(f"post {number} has {length} weighted characters, the platform takes {limit}")
    return found


def sensitive(text: str, topics: Mapping[str, Iterable[str]]) -> list[str]:
    """The sensitive topics whose words occur (JDG-3)."""
    return sorted(topic for topic, words in topics.items() if any(mentions(text, word) for word in words))


def decide(score: float, *, topics: list[str], bounds: ScoreBounds) -> Decision:
    """The three tiers (JDG-2): the upper bound is inclusive; a sensitive topic always goes to a human."""
    if score < bounds.review:
        return Decision.REJECT
    if topics or score < bounds.approve:
        return Decision.ESCALATE
    return Decision.APPROVE
