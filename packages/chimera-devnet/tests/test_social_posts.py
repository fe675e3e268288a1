"""A row of the network's file as the post that a client sees."""

import sqlite3
from pathlib import Path

from chimera_devnet.social.media import MediaFolder, noted
from chimera_devnet.social.messages import MediaFile
from chimera_devnet.social.posts import as_post, optional_id, post_url
from chimera_devnet.social.rules import content_hash

COLUMNS = "id, author, text, in_reply_to, ai_label, views, likes, created_at, media, replies"


def row(**changed: str | int | None) -> sqlite3.Row:
    told: dict[str, str | int | None] = {
        "id": 7,
        "author": "nova",
        "text": "Hello",
        "in_reply_to": None,
        "ai_label": 1,
        "views": 9,
        "likes": 3,
        "created_at": "2026-01-01T00:00:00.000+00:00",
        "media": "[]",
        "replies": 2,
        **changed,
    }
    database = sqlite3.connect(":memory:")
    database.row_factory = sqlite3.Row
    columns = ", ".join(f":{name} AS {name}" for name in COLUMNS.split(", "))
    found = database.execute(f"SELECT {columns}", told).fetchone()
    database.close()
    assert isinstance(found, sqlite3.Row)
    return found


def test_a_row_becomes_a_post(tmp_path: Path) -> None:
    post = as_post(row(), MediaFolder(tmp_path, []))
    assert (post.id, post.url, post.content_hash) == ("7", post_url("nova", 7), content_hash(["Hello"]))
    assert (post.ai_label, post.by_audience, post.in_reply_to, post.media) == (True, False, None, [])
    assert (post.views, post.likes, post.replies) == (9, 3, 2)
    answer = as_post(row(author="fan_ada", in_reply_to=6, ai_label=0), MediaFolder(tmp_path, []))
    assert (answer.ai_label, answer.by_audience, answer.in_reply_to) == (False, True, "6")
    assert optional_id(None) is None


def test_what_it_shows_is_where_the_network_keeps_it(tmp_path: Path) -> None:
    picture = MediaFile(sha256="a" * 64, media_type="image/jpeg", alt="Une étoile")
    (shown,) = as_post(row(media=noted([picture])), MediaFolder(tmp_path / "kept", [])).media
    assert MediaFile.model_validate(shown.model_dump()) == picture
    assert shown.url == (tmp_path / "kept" / f"{'a' * 64}.jpg").resolve().as_uri()
