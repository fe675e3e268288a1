"""What is read on a clip, and when: text cut into phrases, phrases laid out in time, words within a phrase."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MAX_WIDTH = 34
LEAD_MS, GAP_MS, TAIL_MS, WORDLESS_MS = 400, 120, 500, 2_400
FASTEST_PACE, SLOWEST_PACE = 0.6, 1.35
_SENTENCE = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|(?<=[。！？؟])|\n+")
_PAUSE = re.compile(r"[,;:—–،、，：；]$")
_SHORTEST_MS = 900
_NARROW_PER_SECOND, _WIDE_PER_SECOND = 15, 7
_JOINERS = {0x200D, 0xFE0E, 0xFE0F}


@dataclass(frozen=True)
class Word:
    """A word of a caption and when its turn begins."""

    start_ms: int
    text: str


@dataclass(frozen=True)
class Caption:
    """A phrase on the picture from `start_ms` until `end_ms` of the clip."""

    start_ms: int
    end_ms: int
    text: str

    def words(self) -> list[Word]:
        """Its words, each beginning where the letters before it leave off."""
        found = self.text.split()
        weights = [width(word) + 1 for word in found]
        whole, before, turns = sum(weights), 0, []
        for word, weight in zip(found, weights, strict=True):
            turns.append(Word(self.start_ms + (self.end_ms - self.start_ms) * before // whole, word))
            before += weight
        return turns


def width(text: str) -> int:
    """How wide a text is in Latin letters: a CJK letter or an emoji counts two, a mark on a letter none."""
    return sum(
        2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
        if not (unicodedata.combining(letter) or ord(letter) in _JOINERS)
    )


def phrases(text: str, widest: int = MAX_WIDTH) -> list[str]:
    """A text as phrases that fit on a caption: by sentence, then evenly, at a comma where there is one nearby."""
    found: list[str] = []
    for sentence in _SENTENCE.split(text):
        if words := _words(sentence or "", widest):
            found.extend(_packed(words, widest))
    return found


def _words(sentence: str, widest: int) -> list[tuple[str, str]]:
    """What may stand apart, each with what joins it to the one before: a space, or nothing inside a long word."""
    found: list[tuple[str, str]] = []
    for word in sentence.split():
        if width(word) <= widest:
            found.append((" ", word))
            continue
        piece, joint = "", " "
        for letter in letters(word):
            # Scripts without spaces may break after each letter, so the pieces are small where the letters are wide.
            if piece and width(piece + letter) > (2 if width(letter) == 2 else widest // 2):
                found.append((joint, piece))
                piece, joint = "", ""
            piece += letter
        found.append((joint, piece))
    return found


def letters(word: str) -> list[str]:
    """A word as what a reader sees as single letters: marks, joined emoji, skin tones and flags stay together."""
    found: list[str] = []
    for letter in word:
        code = ord(letter)
        joins = unicodedata.combining(letter) or code in _JOINERS or 0x1F3FB <= code <= 0x1F3FF
        after_joiner = bool(found) and ord(found[-1][-1]) == 0x200D
        flag = (
            0x1F1E6 <= code <= 0x1F1FF and bool(found) and len(found[-1]) == 1 and 0x1F1E6 <= ord(found[-1]) <= 0x1F1FF
        )
        if found and (joins or after_joiner or flag):
            found[-1] += letter
        else:
            found.append(letter)
    return found


def _packed(words: Sequence[tuple[str, str]], widest: int) -> list[str]:
    whole = sum(width(joint + word) for joint, word in words)
    even = whole / max(1, -(-whole // widest))
    found: list[str] = []
    line = ""
    for joint, word in words:
        longer = f"{line}{joint}{word}" if line else word
        full = bool(line) and (width(longer) > widest or (width(line) >= even and width(longer) > even * 1.2))
        paused = bool(line) and _PAUSE.search(line) is not None and width(line) >= 0.55 * even
        if full or (paused and width(line) >= 10):
            found.append(line)
            line = word
        else:
            line = longer
    return [*found, line] if line else found


def reading_ms(phrase: str) -> int:
    """How long a phrase stays for somebody who reads at leisure."""
    wide = sum(1 for letter in phrase if unicodedata.east_asian_width(letter) in "WF")
    narrow = width(phrase) - 2 * wide
    return max(_SHORTEST_MS, 350 + 1_000 * narrow // _NARROW_PER_SECOND + 1_000 * wide // _WIDE_PER_SECOND)


def speakable(phrase: str) -> bool:
    """Whether there is anything in it that a voice could say."""
    return any(letter.isalnum() for letter in phrase)


class TimingError(Exception):
    """What is to be read does not fit into the time there is."""


@dataclass(frozen=True)
class Part:
    """What one scene says: its phrases and how long each lasts; a spoken one cannot be hurried."""

    phrases: tuple[str, ...]
    lengths_ms: tuple[int, ...]
    spoken: bool = False

    @classmethod
    def read(cls, text: str) -> "Part":
        """A part for readers only: each phrase stays as long as it takes to read."""
        found = tuple(phrases(text))
        return cls(found, tuple(reading_ms(phrase) for phrase in found))

    @property
    def words_ms(self) -> int:
        """How long its phrases last in all."""
        return sum(self.lengths_ms)

    @property
    def rests_ms(self) -> int:
        """What is around and between its phrases; a scene without any is looked at for a while."""
        return LEAD_MS + GAP_MS * (len(self.phrases) - 1) + TAIL_MS if self.phrases else WORDLESS_MS


@dataclass(frozen=True)
class Act:
    """A scene in time, with the captions that are shown in it."""

    start_ms: int
    end_ms: int
    captions: tuple[Caption, ...]


def schedule(parts: Sequence[Part], wanted_ms: int | None, least_ms: int, most_ms: int) -> list[Act]:
    """The parts one after the other, as long as they need or as long as is wanted.

    Raises:
        TimingError: They need more than there is, or more than the eye and the voice can follow.
    """
    needed = sum(part.words_ms + part.rests_ms for part in parts)
    if wanted_ms is None and needed > most_ms:
        raise TimingError(f"the text needs {needed} ms; a clip has {most_ms} at most")
    whole = max(needed, least_ms) if wanted_ms is None else wanted_ms
    pace = _pace(parts, whole, needed)
    lengths = [[round(length * (1 if part.spoken else pace)) for length in part.lengths_ms] for part in parts]
    spare = max(0, whole - sum(map(sum, lengths)) - sum(part.rests_ms for part in parts))
    acts: list[Act] = []
    at = 0
    for number, (part, fitted) in enumerate(zip(parts, lengths, strict=True)):
        end = at + sum(fitted) + part.rests_ms + spare * (number + 1) // len(parts) - spare * number // len(parts)
        end = whole if number == len(parts) - 1 else end
        acts.append(Act(at, end, tuple(_laid_out(part.phrases, fitted, at + LEAD_MS))))
        at = end
    return acts


def _pace(parts: Sequence[Part], whole: int, needed: int) -> float:
    """How much longer or shorter than at leisure the unspoken phrases are shown."""
    flexible = sum(part.words_ms for part in parts if not part.spoken)
    pace = (flexible + whole - needed) / flexible if flexible else 1.0
    if whole < needed and (not flexible or pace < FASTEST_PACE):
        least = needed - round(flexible * (1 - FASTEST_PACE))
        raise TimingError(f"the text needs {least} ms at least, not {whole}")
    return min(pace, SLOWEST_PACE)


def _laid_out(texts: Iterable[str], lengths_ms: Iterable[int], start_ms: int) -> list[Caption]:
    found: list[Caption] = []
    at = start_ms
    for text, length in zip(texts, lengths_ms, strict=True):
        found.append(Caption(at, at + length, text))
        at += length + GAP_MS
    return found
