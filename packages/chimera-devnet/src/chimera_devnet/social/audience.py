"""The simulated audience: what it does is a pure function of its seed and of what it is shown."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from chimera_devnet.social.messages import Trend
from chimera_devnet.social.rules import Amount, hashtags

FAN_PREFIX = "fan_"
POSTS_PER_MOOD = 50
MAX_REACH = 1_000_000_000
REACH_PER_UNIT = 40

_FANS = (
    "ada", "amir", "bea", "bo", "cleo", "dara", "eli", "femi", "gus", "hana", "ines", "jo", "kai",
    "lena", "mira", "nia", "odd", "pia", "quin", "rosa", "sami", "theo", "uma", "vik", "wren",
)  # fmt: skip
_QUESTIONS = (
    "Where can I read more?",
    "How long did this take you?",
    "Is there a longer version of this?",
    "What would you recommend to a beginner?",
    "Does this work in winter as well?",
    "Which one is your favourite?",
    "Can you post more about this?",
    "Who taught you this?",
)
_DOUBTS = ("Are you a bot?", "Are you an AI?", "Is there a real person behind this account?")
_TOPICS = (
    "slow travel", "street food", "home roasting", "night trains", "vintage knitwear", "city birds",
    "pocket gardens", "film cameras", "trail running", "tiny kitchens", "repair cafes", "tide pools",
    "bread baking", "board games", "roof tops", "cold swimming",
)  # fmt: skip


@dataclass(frozen=True)
class FanReply:
    """An answer a fan writes in public."""

    author: str
    text: str


@dataclass(frozen=True)
class Reactions:
    """What the audience does about one post or promotion; all counts are additions."""

    views: int
    likes: int
    new_followers: int
    replies: tuple[FanReply, ...] = ()


class _Dice:
    """A fixed stream of draws. Hash bytes rather than `random`, whose stream may change between Pythons."""

    def __init__(self, *parts: str | int) -> None:
        material = "\x1f".join(str(part) for part in parts)
        self._bytes = hashlib.shake_256(material.encode()).digest(128)
        self._next = 0

    def below(self, bound: int) -> int:
        draw = int.from_bytes(self._bytes[self._next : self._next + 4])
        self._next += 4
        return draw % bound


def first_followers(seed: int, account: str) -> int:
    """How many people follow an account the day it opens."""
    return 100 + _Dice(seed, "followers", account.casefold()).below(1_900)


def react(seed: int, sequence: int, account: str, text: str, followers: int, *, opens: bool) -> Reactions:
    """What the audience does about a post.

    Args:
        sequence: The post's place in the network's sequence.
        opens: Whether the post opens a conversation. Fans answer only those: were they to answer
            answers, they and an influencer that always replies would never stop.
    """
    dice = _Dice(seed, "post", sequence, account, text)
    views = followers * (20 + dice.below(60)) // 100
    likes = views * (1 + dice.below(9)) // 100
    replies = tuple(_reply(dice, account) for _ in range(dice.below(3))) if opens else ()
    return Reactions(views=views, likes=likes, new_followers=likes // 10, replies=replies)


def _reply(dice: _Dice, account: str) -> FanReply:
    fan = FAN_PREFIX + _FANS[dice.below(len(_FANS))]
    words = _DOUBTS if dice.below(8) == 0 else _QUESTIONS
    return FanReply(author=fan, text=f"@{account} {words[dice.below(len(words))]}")


def react_to_promotion(seed: int, sequence: int, account: str, amount: Amount) -> Reactions:
    """What paid reach brings: a unit of any currency buys the same number of views.

    Args:
        sequence: The promotion's place in the network's sequence.
    """
    dice = _Dice(seed, "promotion", sequence, account)
    views = min(int(amount.value * REACH_PER_UNIT), MAX_REACH) + 1 + dice.below(20)
    likes = 1 + views * (1 + dice.below(4)) // 100
    return Reactions(views=views, likes=likes, new_followers=likes // 5)


def trends(seed: int, newest_sequence: int, recent_texts: Iterable[str]) -> list[Trend]:
    """Topics by volume: hashtags of recent posts, and what the audience talks about at the moment.

    The audience's mood moves with the network's sequence, not with a clock, so a run can be repeated.
    """
    counts: dict[str, int] = {}
    for text in recent_texts:
        for tag in hashtags(text):
            counts[tag] = counts.get(tag, 0) + 1
    tagged = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:20]
    dice = _Dice(seed, "mood", newest_sequence // POSTS_PER_MOOD)
    topics = sorted({_TOPICS[dice.below(len(_TOPICS))]: 5 + dice.below(40) for _ in range(5)}.items())
    found = [Trend(topic=f"#{tag}", volume=count, source="posts") for tag, count in tagged]
    found += [Trend(topic=topic, volume=volume, source="audience") for topic, volume in topics]
    return sorted(found, key=lambda trend: (-trend.volume, trend.topic))
