"""Small pictures, drawn as SVG on the server, and figures as people read them.

No picture carries a style: the content security policy refuses those, so colours come from classes. Every
picture says in words what it shows, and no state is told by colour alone.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from markupsafe import Markup

from chimera.values import EffectStatus, TaskStatus
from chimera_protocol.money import plain

WIDTH = 1_000
"""Units across a bar; it is stretched to the room it has."""

_GAP = 3
_LEAST = 6

_RING = '<circle cx="8" cy="8" r="5.5" fill="none" stroke="currentColor" stroke-width="1.8"/>'
_DISC = '<circle cx="8" cy="8" r="6.4" fill="currentColor"/>'
_ON_DISC = 'fill="none" stroke="var(--paper)" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"'
_LINE = 'fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"'
_CHECK = f'{_DISC}<path d="M5 8.3 7.2 10.5 11.2 5.9" {_ON_DISC}/>'
_CROSS = f'{_DISC}<path d="M5.8 5.8 10.2 10.2 M10.2 5.8 5.8 10.2" {_ON_DISC}/>'
_CLOCK = f'{_RING}<path d="M8 5.2V8l2 1.4" {_LINE}/>'
_HAND = f'<path d="M8 1.8 14.2 8 8 14.2 1.8 8Z" {_LINE}/><path d="M8 5v3.4 M8 10.9v.1" {_LINE}/>'
_HALF = f'{_RING}<path d="M8 3.2a4.8 4.8 0 0 1 0 9.6Z" fill="currentColor"/>'
_DASH = f'{_RING}<path d="M5.6 8h4.8" {_LINE}/>'
_EYE = (
    f'<path d="M1.6 8S4 3.8 8 3.8 14.4 8 14.4 8 12 12.2 8 12.2 1.6 8 1.6 8Z" {_LINE}/>'
    '<circle cx="8" cy="8" r="1.9" fill="currentColor"/>'
)
_DOTS = (
    '<circle cx="3" cy="8" r="1.5" fill="currentColor"/><circle cx="8" cy="8" r="1.5" fill="currentColor"/>'
    '<circle cx="13" cy="8" r="1.5" fill="currentColor"/>'
)

_SHAPES: Mapping[str, str] = {
    # what an influencer is doing
    "planning": f'<path d="M8 1.8 14.2 8 8 14.2 1.8 8Z" {_LINE}/><circle cx="8" cy="8" r="1.8" fill="currentColor"/>',
    "working": '<path d="M4 2.6 13.2 8 4 13.4Z" fill="currentColor"/>',
    "judging": _EYE,
    "sleeping": f'<path d="M13 9.8A5.6 5.6 0 1 1 6.4 3a4.6 4.6 0 0 0 6.6 6.8Z" {_LINE}/>',
    "halted": '<path d="M5.2 1.6h5.6l3.6 3.6v5.6l-3.6 3.6H5.2l-3.6-3.6V5.2Z" fill="currentColor"/>'
    f'<path d="M5 8h6" {_ON_DISC}/>',
    # where a task is
    TaskStatus.PENDING.value: _DOTS,
    TaskStatus.QUEUED.value: _CLOCK,
    TaskStatus.IN_PROGRESS.value: _HALF,
    TaskStatus.IN_REVIEW.value: _EYE,
    TaskStatus.AWAITING_APPROVAL.value: _HAND,
    TaskStatus.COMPLETED.value: _CHECK,
    TaskStatus.REJECTED.value: _CROSS,
    TaskStatus.FAILED.value: _CROSS,
    TaskStatus.DEAD_LETTER.value: _CROSS,
    TaskStatus.STALE.value: _DASH,
    TaskStatus.CANCELLED.value: _DASH,
    # where an effect is
    EffectStatus.AUTHORISED.value: _CLOCK,
    EffectStatus.EXECUTING.value: _HALF,
    EffectStatus.DONE.value: _CHECK,
    EffectStatus.RECONCILED.value: _CHECK,
    EffectStatus.UNKNOWN.value: _HAND,
    # where a campaign is
    "draft": _DOTS,
    "planned": _HAND,
    "running": '<path d="M4 2.6 13.2 8 4 13.4Z" fill="currentColor"/>',
    "paused": f'<path d="M5.6 3.4v9.2 M10.4 3.4v9.2" {_LINE}/>',
    "finished": _CHECK,
    # where an approval or a spend is
    "waiting": _HAND,
    "approved": _CHECK,
    "edited": _CHECK,
    "agreed": _CHECK,
    "disagreed": _CROSS,
    "authorized": _CHECK,
    "posted": _CHECK,
    "voided": _DASH,
    "expired": _DASH,
    "published": _CHECK,
    "refused": _CROSS,
    "suspicious": _HAND,
    "in_doubt": _HAND,
    # what the proofs of a piece come to
    "anchored": f'<circle cx="8" cy="3.2" r="1.7" {_LINE}/>'
    f'<path d="M8 5v9 M3 9c.4 3 2.3 5 5 5s4.6-2 5-5 M5.6 7.2h4.8" {_LINE}/>',
    "signed": _CHECK,
    "unsigned": _DASH,
    "broken": _CROSS,
    # how a limit will fare
    "holds": _CHECK,
    "runs_out": _CLOCK,
    "exhausted": _CROSS,
    # how good a score is
    "green": _CHECK,
    "yellow": _HALF,
    "red": _CROSS,
}

_ORDER = (
    TaskStatus.COMPLETED,
    TaskStatus.IN_REVIEW,
    TaskStatus.IN_PROGRESS,
    TaskStatus.QUEUED,
    TaskStatus.PENDING,
    TaskStatus.AWAITING_APPROVAL,
    TaskStatus.REJECTED,
    TaskStatus.FAILED,
    TaskStatus.DEAD_LETTER,
    TaskStatus.STALE,
    TaskStatus.CANCELLED,
)


class ScoreTiers(Protocol):
    """From which score on a piece is approved, and from which on it is shown to a human."""

    @property
    def approve(self) -> float:
        """The higher one."""
        ...

    @property
    def review(self) -> float:
        """The lower one."""
        ...


def words(value: str) -> str:
    """A state as words: 'in_review' is 'in review'."""
    return str(value).replace("_", " ")


def moment(at: datetime) -> str:
    """A time without the viewer's clock, so that everybody's page is the same."""
    return f"{at.day} {at:%b} {at:%H:%M:%S}"


def duration(milliseconds: int) -> str:
    """How long something took."""
    if milliseconds < 1_000:
        return f"{milliseconds} ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1_000:.1f} s"
    return f"{milliseconds // 60_000} min {milliseconds % 60_000 // 1_000} s"


def money(value: Decimal) -> str:
    """An exact amount, its thousands set apart by a thin space."""
    whole, _, rest = plain(value).partition(".")
    grouped = f"{int(whole):,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    sign = "-" if whole == "-0" else ""
    return f"{sign}{grouped}.{rest}" if rest else f"{sign}{grouped}"


def tier(score: float, bounds: ScoreTiers) -> str:
    """The colour of a score (UI-3): green approves, yellow is held for a human, red is made anew."""
    if score >= bounds.approve:
        return "green"
    return "yellow" if score >= bounds.review else "red"


def glyph(state: str) -> Markup:
    """A state's own shape; the word beside it says the same, so it is hidden from screen readers."""
    shape = Markup(_SHAPES.get(state, _RING))
    return Markup('<svg class="glyph" viewBox="0 0 16 16" aria-hidden="true" focusable="false">{}</svg>').format(shape)


def shares(parts: Sequence[Decimal | int], whole: Decimal | int) -> list[int]:
    """Parts of a whole in units of a bar. What is there is seen, however small, and all fit on the bar."""
    found = [min(WIDTH, max(_LEAST, int(part * WIDTH / whole))) if part > 0 and whole > 0 else 0 for part in parts]
    while (over := sum(found) - WIDTH) > 0:
        widest = found.index(max(found))
        found[widest] -= min(over, found[widest] - _LEAST)
    return found


def stack(tasks: Mapping[TaskStatus, int]) -> Markup:
    """A campaign's tasks by state, as one bar."""
    there = [(status, tasks[status]) for status in _ORDER if tasks.get(status)]
    total = sum(count for _, count in there)
    wide = shares([count for _, count in there], total)
    if wide:
        wide[-1] += WIDTH - sum(wide)  # rounding leaves no gap at the end
    label = f"{total} tasks: {tally(tasks)}" if total else "no tasks yet"
    return bar("stack", label, [(f"is-{status.value}", part) for (status, _), part in zip(there, wide, strict=True)])


def tally(tasks: Mapping[TaskStatus, int]) -> str:
    """The same in words."""
    return ", ".join(f"{tasks[status]} {words(status.value)}" for status in _ORDER if tasks.get(status))


def bar(kind: str, label: str, parts: Sequence[tuple[str, int]]) -> Markup:
    """A bar of parts, each with its class and its width."""
    pieces, at = [], 0
    for name, wide in parts:
        if wide:
            drawn = wide if at + wide == WIDTH else wide - _GAP
            pieces.append(Markup('<rect class="{}" x="{}" width="{}" height="10"/>').format(name, at, drawn))
        at += wide
    return Markup(
        '<svg class="bar {kind}" viewBox="0 0 {w} 10" preserveAspectRatio="none" role="img" aria-label="{label}">'
        '<rect class="rest" width="{w}" height="10"/>{pieces}</svg>'
    ).format(kind=kind, w=WIDTH, label=label, pieces=Markup("").join(pieces))
