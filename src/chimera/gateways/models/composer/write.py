"""How the composer writes: whole sentences of given facts, in the persona's voice, and nothing besides."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from chimera.gateways.models.composer.inputs import DraftInput, PersonaVoice, Quotable
from chimera.gateways.models.composer.text import (
    LengthBudget,
    clean,
    content_stems,
    listed,
    sentences,
    shuffled,
    subjects,
    words,
)
from chimera.tasks.rules import mentions
from chimera.tasks.types.work import MAX_PARTS, Draft

NOTES = " Mind the Judge's notes:"
"""Where a revised goal ends and what the Judge had to say begins."""

_ASKING = (
    "What do you wish somebody would explain about {topic}? I'll go and find the sources.",
    "I have nothing new on {topic} today that I can back with a source. What should I look up for you?",
    "Question for you instead of an answer: what puzzles you most about {topic}?",
    "Before I write about {topic}: what would you like to understand better?",
)
_ASKING_OPENLY = (
    "Nothing new today that I can back with a source. What should I look up for you?",
    "Question for you instead of an answer: what would you like to understand better?",
    "What should I look up next?",
    "What next?",
    "Hello.",
)
_REQUEST = re.compile(
    r"^(?:please\s+)?(?:generate|create|write|post|publish|make|explain|describe|share|promote|announce|show|tell)\b"
    r"(?:\s+(?:people|readers|us|me))?(?:\s+(?:a|an|the|some)\s+(?:post|tweet|thread|piece)s?)?"
    r"(?:\s+(?:about|on|for))?\s*",
    re.IGNORECASE,
)
_YEAR = re.compile(r"\b(?:1[5-9]|20)\d\d\b")
_MAX_TOPIC = 60
_COUNTER = 6  # weighted characters of "25/25 "


class _Dress(NamedTuple):
    """What stands round the facts of a post."""

    head: str = ""
    tail: str = ""
    tag: str = ""


class _Strand(NamedTuple):
    """One post of a thread: sentences of one fact, with its link when they are its last ones."""

    fact: Quotable
    said: list[str]
    link: str


def compose(told: DraftInput, seed: int) -> Draft:
    """Write the piece; the same input and seed give the same text.

    ValueError when nothing at all can be said within the bounds.
    """
    facts = choose(told)
    wanted = min(max(told.length, 1), MAX_PARTS)
    posts, used = _thread(told, facts, wanted, seed) if wanted > 1 else _single(told, facts, seed)
    if not posts:
        note = "No given fact fits the topic and is still unused, so this asks and claims nothing."
        return Draft(posts=[_invitation(told, seed)], notes=note, confidence=55)
    grounds = listed([clean(fact.title) or fact.id for fact in used])
    missing = f" Material for {len(posts)} of {wanted} posts." if len(posts) < wanted else ""
    tight = max(len(words(post)) for post in posts) < 8
    return Draft(
        posts=posts,
        sources=[fact.id for fact in used],
        notes=f"Rests on: {grounds}.{missing}"[:2_000],
        confidence=round(95 - 25 * (1 - len(posts) / wanted)) - (10 if tight else 0),
    )


def subject(goal: str) -> str:
    """What a goal is about, short enough for a topic: its first sentence without the request in front."""
    first = (sentences(goal) or [clean(goal)])[0].rstrip(".!?…")
    about = _REQUEST.sub("", first, count=1).strip(" ,;:\u2013—-\"'“”") or first
    if len(about) > 120:
        about = about[:120].rsplit(" ", 1)[0]
    return about or "this"


def choose(told: DraftInput) -> list[Quotable]:
    """The facts that fit the topic, the one for this ordinal first; without those to avoid or used before.

    The replacements come from the far end, where the next ordinals of the same topic are not looking.
    """
    fitting = _relevant(told)
    if not fitting:
        return []
    size = max(told.length, 1)
    start = ((max(told.ordinal, 1) - 1) * size) % len(fitting)
    if size > 1:
        ordered = fitting[start:] + fitting[:start]
    else:
        ordered = [fitting[start], *reversed(fitting[:start] + fitting[start + 1 :])]
    earlier = [" ".join(words(text)) for text in told.earlier]
    return [fact for fact in ordered if _usable(fact, told, earlier)]


def _relevant(told: DraftInput) -> list[Quotable]:
    """Best first; judged by the topic, or by the goal where no fact has to do with the topic.

    A request that names no subject at all is content with whatever the persona reads.
    """
    goal = told.goal.split(NOTES)[0]
    if not subjects(f"{told.topic} {goal}"):
        return list(told.facts)
    recalled = subjects(" ".join(told.memories))
    for wanted in (subjects(told.topic), subjects(goal)):
        scores = {at: _relevance(fact, wanted) for at, fact in enumerate(told.facts)}
        best = max(scores.values(), default=0)
        if best:
            near = [at for at, score in scores.items() if score * 3 >= best and score]
            near.sort(key=lambda at: (-scores[at], -len(recalled & subjects(told.facts[at].text)), at))
            return [told.facts[at] for at in near]
    return []


def _relevance(fact: Quotable, wanted: frozenset[str]) -> int:
    return 3 * len(wanted & subjects(fact.title)) + len(wanted & subjects(fact.summary))


def _usable(fact: Quotable, told: DraftInput, earlier: Sequence[str]) -> bool:
    if fact.id in told.avoid or not _clear(f"{fact.text} {fact.link}", told.avoid):
        return False
    openings = [" ".join(words(line)) for line in fact.sentences[:1]]
    return bool(openings) and not any(opening in text for opening in openings for text in earlier)


def _clear(text: str, avoid: Iterable[str]) -> bool:
    return not any(mentions(text, word) for word in avoid if word.strip())


def _single(told: DraftInput, facts: Sequence[Quotable], seed: int) -> tuple[list[str], list[Quotable]]:
    voice = PersonaVoice(told.persona.voice_traits)
    room = LengthBudget(told.character_limit, told.constraints.max_word_count)
    for fact in facts:
        for dress in _wardrobe(told, voice, fact, seed):
            text = _tell(fact.sentences[: voice.most_sentences], dress, _address(fact), room)
            if text is not None and _clear(text, told.avoid):
                return [text], [fact]
    return [], []


def _tell(said: Sequence[str], dress: _Dress, link: str, room: LengthBudget) -> str | None:
    """The fullest version that fits: the voice goes before a sentence does, the hashtag before the voice."""
    plain = _Dress()
    for count in range(len(said), 0, -1):
        for clothes in (dress, dress._replace(tag=""), plain):
            text = _lay_out(" ".join(said[:count]), clothes, link)
            if room.takes(text):
                return text
    text = _lay_out(said[0], plain, "") if said else ""
    return text if text and room.takes(text) else None


def _lay_out(body: str, dress: _Dress, link: str) -> str:
    join = " " if dress.head.endswith(":") else "\n\n"
    opening = f"{dress.head}{join}{body}" if dress.head else body
    footer = " ".join(part for part in (link, dress.tag) if part)
    return "\n\n".join(part for part in (opening, dress.tail, footer) if part)


def _wardrobe(told: DraftInput, voice: PersonaVoice, fact: Quotable, seed: int) -> list[_Dress]:
    """The ways to dress this fact, in an order that topic, ordinal and seed settle; plain ones last."""
    tag = _hashtag(told, fact.text)
    headline = _headline(fact)
    heads = dict.fromkeys(_fresh([*voice.openers, headline] if headline else voice.openers, told))
    tails = dict.fromkeys(_fresh([*voice.closers, *voice.questions], told))
    order = shuffled([*heads, *tails], told.topic, told.ordinal, fact.id, seed)
    dressed = [_Dress(head=line, tag=tag) if line in heads else _Dress(tail=line, tag=tag) for line in order]
    return [*dressed, _Dress(tag=tag), _Dress()]


def _fresh(lines: Sequence[str], told: DraftInput) -> list[str]:
    """The lines that the persona has not used lately: none rather than a worn one."""
    allowed = [line for line in lines if _clear(line, told.avoid)]
    return [line for line in allowed if not any(line in text for text in told.earlier)]


def _pick(lines: Sequence[str], told: DraftInput, *keys: str | int) -> str:
    return next(iter(shuffled(_fresh(lines, told), *keys)), "")


def _headline(fact: Quotable) -> str:
    """The fact's title, unless its first sentence says the same again."""
    title = clean(fact.title)
    first = set(content_stems(" ".join(fact.sentences[:1])))
    named = content_stems(title)
    echoed = sum(item in first for item in named)
    if not named or not sentences(title) or 2 * echoed > len(named):
        return ""
    return title


def _hashtag(told: DraftInput, about: str) -> str:
    """The persona's hashtag nearest to the subject; its first one, its signature, where none is near."""
    tags = [tag for tag in told.persona.hashtags if re.fullmatch(r"#\w+", tag) and _clear(tag, told.avoid)]
    subject = subjects(f"{told.topic} {about}")
    return max(tags, key=lambda tag: len(subjects(tag) & subject), default="")


def _address(fact: Quotable) -> str:
    return fact.link if re.fullmatch(r"https?://[^\s<>\"]{3,400}", fact.link) else ""


def _thread(told: DraftInput, facts: Sequence[Quotable], wanted: int, seed: int) -> tuple[list[str], list[Quotable]]:
    """As many posts as the facts carry, at most `wanted`, in the order of the years they speak of."""
    voice = PersonaVoice(told.persona.voice_traits)
    most_words = told.constraints.max_word_count
    share = None if most_words is None else max(most_words // wanted, 1)
    room = LengthBudget(told.character_limit, share).less(_COUNTER, 2)
    chosen = sorted(facts[:wanted], key=_first_year)
    keys = (told.topic, told.ordinal, seed)
    written: list[tuple[str, Quotable]] = []
    strands = _strands(chosen, wanted, voice.most_sentences)
    for number, strand in enumerate(strands):
        dress = _Dress()
        if number == 0:
            dress = _Dress(head=_pick(voice.openers, told, *keys))
        elif number == len(strands) - 1:
            tail = _pick([*voice.closers, *voice.questions], told, *keys)
            dress = _Dress(tail=tail, tag=_hashtag(told, strand.fact.text))
        text = _tell(strand.said, dress, strand.link, room)
        if text is not None and _clear(text, told.avoid):
            written.append((text, strand.fact))
    used = list({fact.id: fact for _, fact in written}.values())
    if len(written) == 1:
        return [written[0][0]], used
    return [f"{number}/{len(written)} {text}" for number, (text, _) in enumerate(written, 1)], used


def _strands(facts: Sequence[Quotable], wanted: int, most_sentences: int) -> list[_Strand]:
    """Facts as posts: one each, or sentence by sentence while there are fewer facts than posts."""
    strands = [_Strand(fact, fact.sentences[:most_sentences], _address(fact)) for fact in facts]
    while len(strands) < wanted:
        longest = max(range(len(strands)), key=lambda at: len(strands[at].said), default=None)
        if longest is None or len(strands[longest].said) < 2:
            break
        fact, said, link = strands[longest]
        strands[longest : longest + 1] = [_Strand(fact, said[:1], ""), _Strand(fact, said[1:], link)]
    return strands


def _first_year(fact: Quotable) -> int:
    found = _YEAR.search(fact.summary)
    return int(found[0]) if found else 9_999


def _invitation(told: DraftInput, seed: int) -> str:
    """An honest question where there is nothing to tell."""
    room = LengthBudget(told.character_limit, told.constraints.max_word_count)
    about = clean(_spelt(told.topic)) or subject(told.goal.split(NOTES)[0])
    asking = [line.replace("{topic}", about) for line in _ASKING] if _speakable(about) else []
    tag = _hashtag(told, about)
    ordered = [*shuffled(asking, told.ordinal, seed), *shuffled(_ASKING_OPENLY[:2], told.ordinal, seed)]
    fresh = [line for line in ordered if not any(line in text for text in told.earlier)]
    for line in [*fresh, *ordered, *_ASKING_OPENLY[2:]]:
        for text in ([f"{line}\n\n{tag}"] if tag else []) + [line]:
            if room.takes(text) and _clear(text, told.avoid):
                return text
    raise ValueError("nothing can be said that keeps to the bounds and leaves out what is to be avoided")


def _speakable(topic: str) -> bool:
    """Whether a topic can stand inside a sentence: a short phrase, not a sentence or an address."""
    return len(topic) <= _MAX_TOPIC and bool(subjects(topic)) and not re.search(r"[.!?:;@{}<>/\\]", topic)


def _spelt(topic: str) -> str:
    """A hashtag as words: '#QuantumComputing' is Quantum Computing."""
    return re.sub(r"#(\w+)", lambda tag: re.sub(r"(?<=[a-z])(?=[A-Z])", " ", tag[1]), topic)
