"""Shares in words, for board and CLI alike."""

from chimera.review.types.quality import Share


def percent(share: float | None) -> str:
    """A share as people read it; a part that is there is never 0 %, and what is missing is never 100 %."""
    if share is None:
        return "–"
    rounded = round(share * 100)
    if rounded == 0 and share > 0:
        return "< 1 %"
    return "> 99 %" if rounded == 100 and share < 1 else f"{rounded} %"


def in_words(share: Share) -> str:
    """A share with its whole: '3 of 40 (8 %)'."""
    return f"{share.part} of {share.whole} ({percent(share.share)})" if share.whole else "nothing known yet"
