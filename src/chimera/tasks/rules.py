"""What kind of task a call makes, which results are taken from outside, and how texts are measured."""

import re

from twitter_text import parse_tweet

from chimera.tasks.types.work import ExecutionResult, ToolCall
from chimera.values import TaskKind

# Beyond this the length is over any limit anyway, and counting it exactly takes quadratic time.
_COUNTABLE = 2_000


_MOST_STOPS = 280


_WORD = re.compile(r"\w+(?:['’.-]\w+)*")


def mentions(text: str, phrase: str) -> bool:
    """Whether the phrase occurs as words of its own, whatever the case: 'war' is not in 'software'."""
    words = phrase.split()
    if not words:
        return False
    pattern = r"\s+".join(re.escape(word) for word in words)
    return re.search(rf"(?<!\w){pattern}(?!\w)", text, re.IGNORECASE) is not None


def surely_fits(text: str, limit: int) -> bool:
    """A quick look that spares most plain texts the exact count: a link needs a dot and counts 23."""
    return text.isascii() and len(text) + 23 * text.count(".") <= limit


def weighted_length(text: str) -> int:
    """X's weighted length: links count 23, emoji and CJK 2; far too long a text counts its characters."""
    if len(text) > _COUNTABLE or text.count(".") > _MOST_STOPS:
        return len(text) + _COUNTABLE
    return parse_tweet(text).weightedLength


def count_words(text: str) -> int:
    """Words as a person counts them: "don't" and "re-use" are one each, an emoji is none."""
    return len(_WORD.findall(text))


def claimable(result: ExecutionResult) -> str | None:
    """Why a Worker's result cannot be taken, if so: the Judge alone evaluates (ORC-6)."""
    if result.judge_evaluation is not None:
        return "a Worker's result may not carry judge_evaluation: the Judge alone evaluates"
    return None


def kind_of(call: ToolCall) -> TaskKind:
    """What a task for this call is: one that costs money goes to the CFO, whatever its author calls it."""
    return TaskKind.SPEND if "token_amount" in call.parameters else TaskKind.CREATE
