"""How the composer judges: every point of the score is measured, and the reasons name the measurements."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from chimera.gateways.models.composer.inputs import OpinionInput, PersonaVoice, Quotable
from chimera.gateways.models.composer.text import (
    content_stems,
    listed,
    numbers,
    sentences,
    similarity,
    stem,
    subjects,
    words,
)
from chimera.gateways.models.composer.write import NOTES
from chimera.review.types.opinion import Opinion

_BEST = 98
_UNGROUNDED = 89
_REJECTED = 60
_BACKED = 0.6  # the share of a sentence's content words from which a fact bears it
_HUMAN = re.compile(
    r"\bi(?:'m| am|\u2019m)(?: not an? (?:ai|bot|machine)\b| (?:a )?(?:real |actual )?(?:human|person)\b)",
    re.IGNORECASE,
)


class _Ground(NamedTuple):
    """What a piece rests on: content words that a fact has, content words in all, and the facts told."""

    backed: int
    total: int
    facts: list[Quotable]


class _Finding(NamedTuple):
    """One measurement: what it costs, the most the whole may still reach, and why."""

    cost: float
    most: int
    reason: str


def weigh(told: OpinionInput) -> Opinion:
    """Score a piece against goal, strategy, facts and earlier pieces.

    From 90 it is on topic, grounded in the facts, readable and new; from 70 to 89 it is harmless but rests
    on nothing that was given; below 70 it is off the topic, a near copy, or has a number that no fact has.
    """
    body = [_bare(part, told) for part in told.content]
    ground = _ground(told, body)
    findings = [
        _topic(told, body, ground),
        _grounding(told, ground),
        _figures(told, body),
        _reading(body),
        _dressing(told, body),
        _novelty(told),
        _honesty(told.content),
    ]
    score = min(_BEST - sum(item.cost for item in findings), *(item.most for item in findings))
    weightiest = sorted(findings, key=lambda item: (item.most, -item.cost))
    return Opinion(
        score=max(0, round(score)),
        reasons=[item.reason for item in weightiest if item.reason],
        regression_notes=_regression(told),
    )


def _bare(part: str, told: OpinionInput) -> str:
    """A post without its counter and the persona's own lines: those are voice and claim nothing."""
    text = re.sub(r"^\d+/\d+\s", "", part)
    for line in PersonaVoice(told.persona.voice_traits).lines:
        text = text.replace(line, " ")
    return text


def _plain(part: str) -> str:
    """A post without links and hashtags."""
    return re.sub(r"https?://\S+|#\w+", " ", part)


def _ground(told: OpinionInput, body: Sequence[str]) -> _Ground:
    """Sentence by sentence against one fact each: a large feed has a word of everything somewhere."""
    known = [(fact, frozenset(content_stems(f"{fact.title} {fact.summary}"))) for fact in told.facts]
    backed = total = 0
    facts: dict[str, Quotable] = {}
    for sentence in (line for part in body for line in sentences(_plain(part))):
        said = content_stems(sentence)
        total += len(said)
        counts = [(sum(word in stems for word in said), fact) for fact, stems in known]
        count, fact = max(counts, key=lambda pair: pair[0], default=(0, None))
        backed += count
        if fact is not None and count >= _BACKED * len(said):
            facts[fact.id] = fact
    return _Ground(backed, total, list(facts.values()))


def _topic(told: OpinionInput, body: Sequence[str], ground: _Ground) -> _Finding:
    aims = [told.goal.split(NOTES)[0], *told.strategy, *told.persona.hashtags]
    wanted = subjects(" ".join(aims)) or subjects(" ".join(told.persona.directives))
    if not wanted:
        return _Finding(0, _BEST, "The goal names no subject, so there is nothing to be off.")
    # A post on Venus need not say "planet" when the fact it tells is filed under that word.
    about = " ".join([*body, *(fact.title for fact in ground.facts)])
    said = {stem(word): word for word in reversed(words(about))}
    shared = [said[item] for item in dict.fromkeys(content_stems(about)) if item in wanted]
    if not shared:
        return _Finding(30, _REJECTED, "Off topic: shares no word with the goal or the strategy.")
    named = listed([f"“{word}”" for word in shared[:5]])
    count = "1 subject" if len(shared) == 1 else f"{len(shared)} subjects"
    cost = max(0, 4 - len(shared))
    return _Finding(cost, _BEST, f"On topic: shares {count} with goal and strategy, such as {named}.")


def _grounding(told: OpinionInput, ground: _Ground) -> _Finding:
    if not ground.total:
        return _Finding(20, _UNGROUNDED, "It says nothing that could be checked.")
    share = ground.backed / ground.total
    reason = f"Grounding: {ground.backed} of {ground.total} content words come from the given facts."
    if not told.facts:
        reason = "Ungrounded: no facts were given with it, so a person should look."
    elif share < _BACKED:
        reason = f"{reason} That is too few to stand on its own."
    return _Finding(20 * (1 - share), _BEST if share >= _BACKED else _UNGROUNDED, reason)


def _figures(told: OpinionInput, body: Sequence[str]) -> _Finding:
    given = [told.goal, *told.strategy, *(f"{fact.title} {fact.summary}" for fact in told.facts)]
    strange = sorted(numbers(" ".join(body)) - numbers(" ".join(given)))
    if not strange:
        return _Finding(0, _BEST, "")
    named = f"figure {strange[0]}" if len(strange) == 1 else f"figures {listed(strange[:5])}"
    reason = f"No given fact has the {named}."
    # Without facts nobody can say that a figure is wrong, only that it is unproven.
    return _Finding(6, _UNGROUNDED if not told.facts else _REJECTED, reason)


def _reading(body: Sequence[str]) -> _Finding:
    lines = [line for part in body for line in sentences(_plain(part))]
    count = sum(len(words(line)) for line in lines)
    mean = count / len(lines) if lines else 0.0
    shouting = sum(len(word) > 4 and word.isupper() for part in body for word in part.split())
    marks = sum(part.count("!") for part in body)
    cost = min(6.0, max(0.0, (mean - 24) / 2)) + (3 if count < 6 else 0) + min(4, 2 * max(0, shouting - 1))
    cost += min(4, 2 * max(0, marks - 1))
    return _Finding(cost, _BEST, f"Reading: {count} words, {mean:.0f} to a sentence.")


def _dressing(told: OpinionInput, body: Sequence[str]) -> _Finding:
    most = max(len(re.findall(r"#\w", part)) for part in told.content)
    if most > 3:
        return _Finding(min(12, 4 * (most - 3)), _BEST, f"Stuffed: {most} hashtags in one post.")
    own = any(part != original for part, original in zip(body, told.content, strict=True))
    if own:
        return _Finding(0, _BEST, "Voice: the persona's own turn of phrase is there.")
    return _Finding(1, _BEST, "Voice: plain telling, without a turn of phrase of the persona's.")


def _novelty(told: OpinionInput) -> _Finding:
    nearest = _nearest(told)
    percent = round(100 * nearest)
    if nearest >= 0.5:
        reason = f"Near copy: {percent} % of its three-word runs are those of an earlier piece."
        return _Finding(30, _REJECTED, reason)
    return _Finding(30 * max(0.0, nearest - 0.1), _BEST, f"New: {percent} % in common with the nearest earlier piece.")


def _nearest(told: OpinionInput) -> float:
    """Each post against each earlier text, as a whole and by itself."""
    whole = "\n".join(told.content)
    return max((similarity(text, old) for text in [whole, *told.content] for old in told.earlier), default=0.0)


def _honesty(content: Sequence[str]) -> _Finding:
    if any(_HUMAN.search(part) for part in content):
        return _Finding(60, 10, "Dishonest: it passes for a human being.")
    return _Finding(0, _BEST, "")


def _regression(told: OpinionInput) -> str:
    if not told.earlier:
        return "There is no earlier piece to compare with."
    length = sum(len(words(part)) for part in told.content)
    average = round(sum(len(words(text)) for text in told.earlier) / len(told.earlier))
    pieces = "the earlier piece" if len(told.earlier) == 1 else f"the last {len(told.earlier)} pieces"
    return (
        f"{round(100 * _nearest(told))} % in common with the nearest earlier piece; "
        f"{length} words, against {average} on average in {pieces}."
    )
