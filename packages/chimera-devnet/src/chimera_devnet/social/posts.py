"""How a row of the network's file becomes the post that a client sees."""

import sqlite3

from chimera_devnet.social import audience, rules
from chimera_devnet.social.media import MediaFolder
from chimera_devnet.social.messages import Post


def post_url(author: str, number: int) -> str:
    """Where a post is, in the network's own terms."""
    return f"social://local/{author}/{number}"


def optional_id(number: int | None) -> str | None:
    """A post's id out of a column that may be empty."""
    return None if number is None else str(number)


def as_post(row: sqlite3.Row, media: MediaFolder) -> Post:
    """One post with its counters, and with what it shows out of the network's folder."""
    author, text, number = str(row["author"]), str(row["text"]), int(row["id"])
    return Post(
        id=str(number),
        url=post_url(author, number),
        author=author,
        by_audience=author.startswith(audience.FAN_PREFIX),
        text=text,
        content_hash=rules.content_hash([text]),
        created_at=row["created_at"],
        in_reply_to=optional_id(row["in_reply_to"]),
        ai_label=bool(row["ai_label"]),
        media=media.shown(row["media"]),
        views=row["views"],
        likes=row["likes"],
        replies=row["replies"],
    )
