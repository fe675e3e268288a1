"""What the Judge checks in code, and how a score becomes a decision (JDG-1..3)."""

import re
from collections.abc import Iterable, Mapping
from importlib import import_module

from chimera.contracts.fleet import Bounds, Policy
from chimera.contracts.platforms import Platform
from chimera.contracts.values import Decision
from chimera.contracts.work import Artifact, Constraints, ExecutionResult

_twitter_text = import_module("twitter_text")  # it ships no types

# Beyond this the length is over any limit anyway, and counting it exactly takes quadratic time.
_COUNTABLE = 2_000
_MOST_STOPS = 280

_WORD = re.compile(r"\w+(?:['’.-]\w+)*")


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
            length = 0 if _surely_fits(part, limit) else weighted_length(part)
            if length > limit:
                found.append(f"post {number} has {length} weighted characters, the platform takes {limit}")
    return found


def sensitive(text: str, topics: Mapping[str, Iterable[str]]) -> list[str]:
    """The sensitive topics whose words occur (JDG-3)."""
    return sorted(topic for topic, words in topics.items() if any(mentions(text, word) for word in words))


def decide(score: float, *, topics: list[str], bounds: Bounds) -> Decision:
    """The three tiers (JDG-2): the upper bound is inclusive; a sensitive topic always goes to a human."""
    if score < bounds.review:
        return Decision.REJECT
    if topics or score < bounds.approve:
        return Decision.ESCALATE
    return Decision.APPROVE


def mentions(text: str, phrase: str) -> bool:
    """Whether the phrase occurs as words of its own, whatever the case: 'war' is not in 'software'."""
    words = phrase.split()
    if not words:
        return False
    pattern = r"\s+".join(re.escape(word) for word in words)
    return re.search(rf"(?<!\w){pattern}(?!\w)", text, re.IGNORECASE) is not None


def _surely_fits(text: str, limit: int) -> bool:
    """A quick look that spares most plain texts the exact count: a link needs a dot and counts 23."""
    return text.isascii() and len(text) + 23 * text.count(".") <= limit


def weighted_length(text: str) -> int:
    """X's weighted length: links count 23, emoji and CJK 2; far too long a text counts its characters."""
    if len(text) > _COUNTABLE or text.count(".") > _MOST_STOPS:
        return len(text) + _COUNTABLE
    return int(_twitter_text.parse_tweet(text).weightedLength)


def count_words(text: str) -> int:
    """Words as a person counts them: "don't" and "re-use" are one each, an emoji is none."""
    return len(_WORD.findall(text))


def claimable(result: ExecutionResult) -> str | None:
    """Why a Worker's result cannot be taken, if so: the Judge alone evaluates (ORC-6)."""
    if result.judge_evaluation is not None:
        return "a Worker's result may not carry judge_evaluation: the Judge alone evaluates"
    return None
