"""The audience: repeatable, plausible, and never the cause of an endless conversation."""

from chimera_devnet.social import audience
from chimera_devnet.social.audience import FAN_PREFIX
from chimera_devnet.social.rules import parse_amount

SAMPLE = range(1, 400)


def test_the_same_seed_and_sequence_bring_the_same_reactions() -> None:
    first = [audience.react(7, n, "nova", f"post {n}", 500, opens=True) for n in SAMPLE]
    assert first == [audience.react(7, n, "nova", f"post {n}", 500, opens=True) for n in SAMPLE]


def test_another_seed_place_account_or_text_brings_others() -> None:
    origin = audience.react(7, 1, "nova", "hello", 5_000, opens=True)
    assert origin != audience.react(8, 1, "nova", "hello", 5_000, opens=True)
    assert origin != audience.react(7, 2, "nova", "hello", 5_000, opens=True)
    assert origin != audience.react(7, 1, "theo", "hello", 5_000, opens=True)
    assert origin != audience.react(7, 1, "nova", "hullo", 5_000, opens=True)


def test_reactions_are_plausible() -> None:
    for n in SAMPLE:
        found = audience.react(7, n, "nova", "hello", 1_000, opens=True)
        assert 200 <= found.views < 1_000
        assert 0 < found.likes <= found.views
        assert len(found.replies) <= 2


def test_fans_ask_plain_questions_and_sometimes_whether_it_is_a_bot() -> None:
    replies = [r for n in SAMPLE for r in audience.react(7, n, "nova", "hello", 1_000, opens=True).replies]
    assert all(reply.author.startswith(FAN_PREFIX) for reply in replies)
    assert all(reply.text.startswith("@nova ") and reply.text.endswith("?") for reply in replies)
    doubts = [reply for reply in replies if reply.text == "@nova Are you a bot?"]
    assert 0 < len(doubts) < len(replies) / 4


def test_fans_never_answer_an_answer() -> None:
    assert not any(audience.react(7, n, "nova", "hello", 1_000, opens=False).replies for n in SAMPLE)


def test_more_money_buys_more_reach_and_the_same_money_the_same() -> None:
    small = audience.react_to_promotion(7, 1, "nova", parse_amount("5 USDC"))
    large = audience.react_to_promotion(7, 1, "nova", parse_amount("500 USDC"))
    assert large.views > 50 * small.views > 0
    assert small == audience.react_to_promotion(7, 1, "nova", parse_amount("5.00 USDC"))


def test_followers_at_opening_depend_on_seed_and_handle_alone() -> None:
    assert audience.first_followers(7, "nova") == audience.first_followers(7, "NOVA")
    assert len({audience.first_followers(7, name) for name in ("nova", "theo", "mira")}) == 3


def test_trends_rank_hashtags_beside_what_the_audience_talks_about() -> None:
    found = audience.trends(7, 10, ["#Trains at night", "more #trains", "#bread"])
    assert {("#trains", 2), ("#bread", 1)} <= {(trend.topic, trend.volume) for trend in found}
    assert any(trend.source == "audience" for trend in found)
    assert [trend.volume for trend in found] == sorted((trend.volume for trend in found), reverse=True)
    assert found == audience.trends(7, 10, ["#Trains at night", "more #trains", "#bread"])


def test_the_mood_moves_with_the_networks_sequence() -> None:
    assert audience.trends(7, 10, []) == audience.trends(7, 20, [])
    assert audience.trends(7, 10, []) != audience.trends(7, 200, [])
