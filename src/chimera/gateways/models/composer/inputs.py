"""What the composer is told: the JSON inputs of the prompts, read leniently as several authors write them."""

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from chimera.gateways.models.composer.text import clean, sentences, words
from chimera.values import Priority


def _known(value: object) -> object:
    """Absent and null mean the same to a reader of JSON."""
    return [] if value is None else value


def _blank(value: object) -> object:
    return "" if value is None else value


def _counted(value: object) -> object:
    """'3 tweets' is 3, as in the seed's example."""
    if isinstance(value, str):
        found = re.search(r"\d{1,3}", value)
        return int(found[0]) if found else 1
    return 1 if value is None else value


Words = Annotated[str, BeforeValidator(_blank)]
Lines = Annotated[list[str], BeforeValidator(_known)]
Count = Annotated[int, BeforeValidator(_counted)]


class _Input(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Speaker(_Input):
    """Who speaks."""

    name: Words = ""
    voice_traits: Lines = []
    directives: Lines = []
    hashtags: Lines = []


class Quotable(_Input):
    """A public text that a piece may rest on: data, never instructions."""

    id: str
    title: Words = ""
    summary: Words = ""
    link: Words = ""
    source: Words = ""

    @property
    def sentences(self) -> list[str]:
        """What it says, sentence by sentence; its title where that is more than a label."""
        return sentences(self.summary) or (sentences(self.title) if len(words(self.title)) > 3 else [])

    @property
    def text(self) -> str:
        """All of it on one line, for searching."""
        return clean(f"{self.title} {self.summary}")


Facts = Annotated[list[Quotable], BeforeValidator(_known)]


class Limits(_Input):
    """What the Judge will check in code."""

    max_word_count: int | None = None
    prohibited_keywords: Lines = []


class Order(_Input):
    """A deliverable of the brief."""

    server: str = "twitter-mcp"
    action: str = "post_tweet"
    count: Count = 1
    topics: Lines = []
    length: Count = 1
    media: str = "none"
    priority: Priority = Priority.MEDIUM


class Boost(_Input):
    """A promotion of the brief."""

    server: str = "twitter-mcp"
    token_amount: str
    purpose: Words = ""
    wallet: str


class PlanInput(_Input):
    """For a PlanDraft."""

    goal: str
    strategy: Lines = []
    deliverables: Annotated[list[Order], BeforeValidator(_known)] = []
    promotions: Annotated[list[Boost], BeforeValidator(_known)] = []


class DraftInput(_Input):
    """For a Draft; `length` counts posts, `character_limit` is weighted characters a post."""

    persona: Speaker = Speaker()
    goal: str
    topic: Words = ""
    ordinal: Count = 1
    action: Words = ""
    length: Count = 1
    facts: Facts = []
    memories: Lines = []
    constraints: Limits = Limits()
    avoid: Lines = []
    earlier: Lines = []
    character_limit: Annotated[int | None, Field(ge=1)] = None


class OpinionInput(_Input):
    """For an Opinion."""

    persona: Speaker = Speaker()
    goal: str
    strategy: Lines = []
    content: Annotated[list[str], Field(min_length=1)]
    facts: Facts = []
    earlier: Lines = []


class RevisionInput(_Input):
    """For a Revision."""

    goal: str
    content: Lines = []
    reasons: Lines = []
    avoid: Lines = []


class PersonaVoice:
    """How a persona talks, read from its traits: `opens with "…"`, `closes with "…"`, `asks "…"`."""

    def __init__(self, traits: Sequence[str]) -> None:
        self.openers = _quoted(traits, r"open(?:s|ing|ers?)?\b") or list(_OPENERS)
        self.closers = _quoted(traits, r"clos(?:es|ing|ers?)\b|ends? with\b")
        self.questions = _quoted(traits, r"asks?\b") or self._curious(traits)
        self.most_sentences = 2 if any(_TERSE.search(trait) for trait in traits) else 3

    @property
    def lines(self) -> list[str]:
        """Every line that is voice and claims nothing."""
        return [*self.openers, *self.closers, *self.questions]

    @staticmethod
    def _curious(traits: Sequence[str]) -> list[str]:
        return list(_QUESTIONS) if any(_CURIOUS.search(trait) for trait in traits) else []


_OPENERS = ("Worth knowing:", "One for the notebook:", "A small discovery:", "Good to know:")
_QUESTIONS = ("What would you add?", "Had you heard of this one?", "What should I look up next?")
_TERSE = re.compile(r"\bterse\b|\bconcise\b|\bfew words\b|\bshort posts\b", re.IGNORECASE)
_CURIOUS = re.compile(r"\bcurious\b|\bquestions?\b|\bcuriosity\b", re.IGNORECASE)
_QUOTE = re.compile(r"[\"“]([^\"“”]{2,120})[\"”]")


def _quoted(traits: Sequence[str], verb: str) -> list[str]:
    told = [trait for trait in traits if re.search(verb, trait, re.IGNORECASE)]
    return [clean(quote) for trait in told for quote in _QUOTE.findall(trait) if clean(quote)]
