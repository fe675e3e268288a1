"""What the network answers with: frozen values whose bounds and shapes a client of the server can rely on."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from chimera_devnet.social.messages import (
    MediaFile,
    Mention,
    OfferedMedia,
    Post,
    PostPage,
    PostReceipt,
    Profile,
    ShownMedia,
    Timeline,
    Trend,
)
from chimera_devnet.social.network import Network

POST: dict[str, Any] = {
    "id": "1",
    "url": "social://local/nova/1",
    "author": "nova",
    "by_audience": False,
    "text": "Hello",
    "content_hash": "0" * 64,
    "created_at": "2026-01-01T00:00:00+00:00",
    "in_reply_to": None,
    "ai_label": True,
    "views": 0,
    "likes": 0,
    "replies": 0,
}
FILE = {"sha256": "a" * 64, "media_type": "image/png", "alt": "A star"}


def test_a_receipt_of_nothing_has_only_its_key() -> None:
    receipt = PostReceipt(found=False, idempotency_key="k1")
    assert receipt.model_dump(exclude_defaults=True) == {"found": False, "idempotency_key": "k1"}
    assert (receipt.ids, receipt.url, receipt.replayed) == ([], None, False)


def test_two_receipts_do_not_share_their_ids() -> None:
    first, second = PostReceipt(idempotency_key="k1"), PostReceipt(idempotency_key="k2")
    first.ids.append("1")
    assert second.ids == []


@pytest.mark.parametrize("kind", ["tweet", "thread", "reply", "like", "promotion"])
def test_every_kind_of_write_has_a_receipt_that_survives_the_wire(kind: Any) -> None:
    shown = ["a" * 64]
    receipt = PostReceipt(
        kind=kind, idempotency_key="k1", ids=["1", "2"], media=shown, amount="0.000000000000000001", currency="ETH"
    )
    assert PostReceipt.model_validate_json(receipt.model_dump_json()) == receipt


@pytest.mark.parametrize(
    ("shape", "values"),
    [
        (PostReceipt, {"idempotency_key": "k1", "kind": "retweet"}),
        (PostReceipt, {"kind": "tweet"}),
        (PostReceipt, {"idempotency_key": "k1", "ids": [1]}),
        (PostReceipt, {"idempotency_key": "k1", "amount": 0.1}),
        (Trend, {"topic": "stars", "volume": 3, "source": "bots"}),
        (Trend, {"topic": "stars", "volume": 1.5, "source": "posts"}),
        (PostReceipt, {"idempotency_key": "k1", "media": "a" * 64}),
        (Post, {**POST, "media": [FILE]}),
        (OfferedMedia, FILE),
        (ShownMedia, {**FILE, "uri": "file:///a.png"}),
        (MediaFile, {name: value for name, value in FILE.items() if name != "alt"}),
        (Post, {**POST, "id": 1}),
        (Post, {**POST, "likes": None}),
        (Post, {name: value for name, value in POST.items() if name != "in_reply_to"}),
        (Timeline, {"account": "nova", "posts": []}),
        (PostPage, {"posts": []}),
        (Profile, {"account": "nova", "followers": 1, "posts": 0, "likes": 0, "ai_labelled_share": 0.5}),
        (Mention, {"id": "1", "author": "nova", "text": "Hello", "created_at": "now"}),
    ],
)
def test_a_message_of_another_shape_is_refused(shape: type[BaseModel], values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        shape.model_validate(values)


@pytest.mark.parametrize(
    ("message", "name"), [(PostReceipt(idempotency_key="k1"), "replayed"), (Post.model_validate(POST), "likes")]
)
def test_a_message_cannot_be_changed(message: BaseModel, name: str) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(message, name, 1)


def test_what_a_network_answers_survives_the_wire(tmp_path: Path) -> None:
    network = Network(tmp_path / "social.db", seed=7)
    try:
        receipt = network.publish("thread", "nova", ["One", "Two"], "k1", ai_label=True)
        network.publish("reply", "theo", ["Hello @nova"], "k2", ai_label=False, in_reply_to="1")
        found = [receipt, network.timeline("nova", 1, None), network.posts(2, None), network.profile("nova")]
        found += [*network.mentions("nova"), *network.trends()]
    finally:
        network.close()
    assert {type(message) for message in found} >= {PostReceipt, Timeline, PostPage, Profile, Mention}
    for message in found:
        assert type(message).model_validate_json(message.model_dump_json()) == message
