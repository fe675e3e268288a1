"""The network's storage: receipts, counters, reading back, repeatability, several threads and files."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chimera_devnet.social.messages import PostReceipt
from chimera_devnet.social.network import Network
from chimera_devnet.social.rules import NetworkError, PostRefused, content_hash


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    opened = Network(tmp_path / "social.db", seed=7)
    yield opened
    opened.close()


def tweet(network: Network, text: str, key: str, account: str = "nova", ai_label: bool = True) -> PostReceipt:
    return network.publish("tweet", account, [text], key, ai_label=ai_label)


def test_a_receipt_says_what_was_accepted(network: Network) -> None:
    receipt = tweet(network, "Hello", "k1")
    assert receipt.found
    assert not receipt.replayed
    assert (receipt.kind, receipt.ids, receipt.url) == ("tweet", ["1"], "social://local/nova/1")
    assert receipt.content_hash == content_hash(["Hello"])
    assert receipt.created_at is not None
    assert receipt.created_at.endswith("+00:00")
    assert network.find("nova", "k1") == receipt


def test_the_same_key_and_content_replay_the_receipt_and_write_nothing(network: Network) -> None:
    first = tweet(network, "Hello", "k1")
    again = tweet(network, "Hello", "k1")
    assert again == first.model_copy(update={"replayed": True})
    assert len([post for post in network.posts(500, None).posts if post.author == "nova"]) == 1


@pytest.mark.parametrize("change", ["text", "label", "kind"])
def test_the_same_key_with_anything_else_is_a_conflict(network: Network, change: str) -> None:
    tweet(network, "Hello", "k1")
    with pytest.raises(NetworkError) as caught:
        if change == "text":
            tweet(network, "Hullo", "k1")
        elif change == "label":
            tweet(network, "Hello", "k1", ai_label=False)
        else:
            network.like("nova", "1", "k1")
    assert caught.value.refusal is PostRefused.KEY_CONFLICT


def test_keys_belong_to_their_account_however_it_is_spelt(network: Network) -> None:
    assert not tweet(network, "Hello", "k1").replayed
    assert not tweet(network, "Hello", "k1", account="theo").replayed
    assert tweet(network, "Hello", "k1", account="NOVA").replayed
    assert tweet(network, "Bye", "k2", account="NOVA").url == network.find("nova", "k2").url
    assert network.profile("NoVa").account == "nova"


def test_a_thread_takes_consecutive_ids_and_each_post_answers_the_one_before(network: Network) -> None:
    receipt = network.publish("thread", "nova", ["one", "two", "three"], "k1", ai_label=True)
    assert receipt.ids == ["1", "2", "3"]
    assert receipt.content_hash == content_hash(["one", "two", "three"])
    assert [network.post(post_id).in_reply_to for post_id in receipt.ids] == [None, "1", "2"]


def test_a_thread_of_which_only_the_beginning_was_taken_is_continued_by_answers(network: Network) -> None:
    texts = ["one", "two", "three", "four"]
    receipt = network.publish("thread", "nova", texts, "k1", ai_label=True, taken=2)
    assert receipt.ids == ["1", "2"]
    assert receipt.content_hash == content_hash(["one", "two"])
    assert network.find("nova", "k1") == receipt
    assert network.publish("thread", "nova", texts, "k1", ai_label=True) == receipt.model_copy(
        update={"replayed": True}
    )
    with pytest.raises(NetworkError, match="key_conflict"):
        network.publish("thread", "nova", texts[:2], "k1", ai_label=True)
    more = network.publish("reply", "nova", ["three"], "k1.2", ai_label=True, in_reply_to="2")
    told = [post for post in network.posts(500, None).posts if post.author == "nova"]
    assert [post.text for post in told] == ["one", "two", "three"]
    assert network.post(more.ids[0]).in_reply_to == "2"


def test_a_refused_write_leaves_nothing_not_even_the_account(network: Network) -> None:
    with pytest.raises(NetworkError, match="unknown_post"):
        network.publish("reply", "nova", ["hi"], "k1", ai_label=True, in_reply_to="99")
    assert not network.find("nova", "k1").found
    with pytest.raises(NetworkError, match="unknown_account"):
        network.profile("nova")


def test_a_reply_and_an_at_sign_both_become_mentions_for_others_only(network: Network) -> None:
    post = tweet(network, "Hello", "k1").ids[0]
    reply = network.publish("reply", "theo", ["Nice @mira"], "k2", ai_label=False, in_reply_to=post).ids[0]
    tweet(network, "I, @nova, answer myself", "k3")
    told = [mention for mention in network.mentions("nova") if not mention.author.startswith("fan_")]
    assert [mention.id for mention in told] == [reply]
    (named,) = network.mentions("mira")
    assert (named.author, named.text, named.in_reply_to) == ("theo", "Nice @mira", post)
    assert network.mentions("nobody") == []
    assert network.post(post).replies >= 1


def test_a_like_counts_once_whatever_its_key(network: Network) -> None:
    post = tweet(network, "Hello", "k1").ids[0]
    before = network.post(post).likes
    receipt = network.like("theo", post, "l1")
    network.like("theo", post, "l2")
    assert network.like("theo", post, "l1").replayed
    assert network.post(post).likes == before + 1
    assert (receipt.kind, receipt.ids, receipt.url) == ("like", [post], f"social://local/nova/{post}")


def test_a_promotion_is_invoiced_exactly_once_and_adds_reach(network: Network) -> None:
    post = tweet(network, "Hello", "k1").ids[0]
    before = network.post(post)
    receipt = network.promote("nova", post, "50.10 USDC", "p1")
    assert (receipt.promotion_id, receipt.amount, receipt.currency) == ("1", "50.1", "USDC")
    assert network.promote("nova", post, "50.1 USDC", "p1") == receipt.model_copy(update={"replayed": True})
    with pytest.raises(NetworkError, match="key_conflict"):
        network.promote("nova", post, "51 USDC", "p1")
    after = network.post(post)
    assert after.views > before.views + 2_000
    assert after.likes > before.likes


def test_writing_as_the_audience_is_refused(network: Network) -> None:
    with pytest.raises(NetworkError, match="the audience owns"):
        tweet(network, "Hello", "k1", account="Fan_ada")


def test_the_label_is_kept_and_its_share_shown(network: Network) -> None:
    marked = tweet(network, "Hello", "k1")
    plain = tweet(network, "Hello again", "k2", ai_label=False)
    assert (marked.ai_label, plain.ai_label) == (True, False)
    assert network.post(marked.ids[0]).ai_label
    assert not network.post(plain.ids[0]).ai_label
    profile = network.profile("nova")
    assert (profile.posts, profile.ai_labelled_share) == (2, "0.50")
    assert profile.followers >= 100


def test_pages_walk_the_whole_network_without_gap_or_repeat(network: Network) -> None:
    for n in range(12):
        tweet(network, f"post {n}", f"k{n}")
    seen: list[str] = []
    after: str | None = None
    while page := network.posts(5, after).posts:
        seen += [post.id for post in page]
        after = page[-1].id
    assert seen == [str(n) for n in range(1, len(seen) + 1)]
    newest = network.timeline("nova", 5, None)
    older = network.timeline("nova", 100, newest.next_before)
    assert [post.text for post in newest.posts + older.posts] == [f"post {n}" for n in reversed(range(12))]
    assert older.next_before is None


def test_the_same_seed_and_sequence_repeat_the_whole_network(tmp_path: Path) -> None:
    def story(seed: int, name: str) -> list[tuple[str, str, str, int, int]]:
        network = Network(tmp_path / name, seed=seed)
        for n in range(20):
            tweet(network, f"post {n} #trains", f"k{n}")
        network.promote("nova", "1", "5 USDC", "p")
        told = [(p.id, p.author, p.text, p.views, p.likes) for p in network.posts(500, None).posts]
        network.close()
        return told

    first = story(7, "a.db")
    assert first == story(7, "b.db")
    assert first != story(8, "c.db")
    assert any(author.startswith("fan_") for _, author, *_ in first)


def test_what_was_written_outlives_the_process(tmp_path: Path) -> None:
    network = Network(tmp_path / "social.db", seed=7)
    receipt = tweet(network, "Hello", "k1")
    network.close()
    reopened = Network(tmp_path / "social.db", seed=7)
    assert reopened.find("nova", "k1") == receipt
    reopened.close()


def test_many_connections_opening_and_writing_at_once_create_one_post(tmp_path: Path) -> None:
    def write(_: int) -> PostReceipt:
        network = Network(tmp_path / "social.db", seed=7)
        receipt = tweet(network, "Hello", "k1")
        network.close()
        return receipt

    with ThreadPoolExecutor(8) as pool:
        receipts = list(pool.map(write, range(8)))
    assert [receipt.replayed for receipt in receipts].count(False) == 1
    assert {tuple(receipt.ids) for receipt in receipts} == {("1",)}


def test_counters_stop_at_their_limit_across_connections(tmp_path: Path) -> None:
    networks = [Network(tmp_path / "social.db", seed=7) for _ in range(2)]
    assert [network.count("x", 3) for network in networks * 3] == [True, True, True, False, False, False]
    for network in networks:
        network.close()


def test_trends_follow_what_is_posted(network: Network) -> None:
    tweet(network, "On the #nighttrain", "k1")
    assert "#nighttrain" in {trend.topic for trend in network.trends()}
