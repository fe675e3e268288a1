"""The local social network: accounts, posts, likes and promotions, and what the audience does about them."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from chimera_devnet.social import audience, rules
from chimera_devnet.social.database import NetworkDatabase
from chimera_devnet.social.media import MediaFolder, check_media, marks, noted
from chimera_devnet.social.messages import (
    Kind,
    Mention,
    OfferedMedia,
    Post,
    PostPage,
    PostReceipt,
    Profile,
    Timeline,
    Trend,
)
from chimera_devnet.social.posts import as_post, optional_id, post_url
from chimera_devnet.social.rules import NetworkError, PostRefused

MAX_TIMELINE = 100
MAX_PAGE = 500
MAX_MENTIONS = 200
RECENT_POSTS = 500

_CLAIM = """INSERT INTO receipt (account, idempotency_key, fingerprint, body) VALUES (?, ?, ?, '')
    ON CONFLICT DO NOTHING"""
_SEAL = "UPDATE receipt SET body = ? WHERE account = ? AND idempotency_key = ?"
_RECEIPT = "SELECT fingerprint, body FROM receipt WHERE account = ? AND idempotency_key = ?"
_OPEN_ACCOUNT = "INSERT INTO account (handle, followers, created_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_ACCOUNT = "SELECT handle, followers FROM account WHERE handle = ?"
_FOLLOW = "UPDATE account SET followers = followers + ? WHERE handle = ?"
_NEXT_POST = "SELECT coalesce(max(id), 0) + 1 FROM post"
_ADD_POST = "INSERT INTO post VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ADD_MENTION = "INSERT INTO mention VALUES (?, ?)"
_ADD_LIKE = "INSERT INTO liked VALUES (?, ?) ON CONFLICT DO NOTHING"
_ADD_PROMOTION = """INSERT INTO promotion (account, post_id, amount, currency, created_at)
    VALUES (?, ?, ?, ?, ?) RETURNING id"""
_REACT = "UPDATE post SET views = views + ?, likes = likes + ? WHERE id = ?"
_POST = """SELECT p.id, p.author, p.text, p.in_reply_to, p.ai_label, p.views, p.likes, p.created_at, p.media,
    (SELECT count(*) FROM post r WHERE r.in_reply_to = p.id) AS replies FROM post p """
_MENTIONS = """SELECT p.id, p.author, p.text, p.created_at, p.in_reply_to FROM mention m
    JOIN post p ON p.id = m.post_id WHERE m.account = ? ORDER BY m.post_id DESC LIMIT ?"""
_PROFILE = """SELECT count(*) AS posts, coalesce(sum(likes), 0) AS likes,
    coalesce(sum(ai_label), 0) AS labelled FROM post WHERE author = ?"""
_COUNT = """INSERT INTO counter VALUES (?, 1)
    ON CONFLICT DO UPDATE SET value = value + 1 WHERE value < ? RETURNING value"""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class _Write:
    """A write before it is accepted: who, under which key, and all that makes it what it is."""

    account: str
    key: str
    fingerprint: str


class Network:
    """The network's state. Every write is one IMMEDIATE transaction, its audience's reactions included."""

    def __init__(
        self, path: Path, seed: int, clock: Callable[[], datetime] = _now, media_from: Sequence[Path] = ()
    ) -> None:
        """Open the network kept in a file, making it when missing.

        Args:
            seed: Audience seed; same seed and same sequence of writes bring the same reactions.
            media_from: The folders that files of posts are copied from.

        Raises:
            NetworkError: The file cannot be opened, or is of a version that is yet to come.
        """
        self._seed = seed
        self._clock = clock
        self._database = NetworkDatabase(path)
        self._media = MediaFolder(path.with_name(f"{path.name}.media"), media_from)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def publish(
        self,
        kind: Kind,
        account: str,
        texts: Sequence[str],
        key: str,
        *,
        ai_label: bool,
        in_reply_to: str | None = None,
        taken: int | None = None,
        media: Sequence[OfferedMedia] = (),
    ) -> PostReceipt:
        """Publish a post, a thread or a reply; each post of a thread answers the one before it.

        Args:
            taken: How many posts of the thread are taken, from the first one on; all of them unless told. The receipt
                is about these, and the key stands for the whole thread.
            media: What the first post shows; a copy is kept before the post is, and not needed for a replay.

        Raises:
            NetworkError: A rule is broken, the parent is unknown, or the key was used for something else.
        """
        _check_member(account)
        rules.check_texts(texts)
        check_media(media)
        parent = None if in_reply_to is None else rules.post_number(in_reply_to)
        fingerprint = rules.fingerprint(kind, in_reply_to, ai_label, *texts, *marks(media))
        texts = texts[:taken]
        if media and not self.find(account, key).found:
            self._media.take_in(media)
        with self._database.transaction() as db:
            write, earlier = self._claim(db, account, key, fingerprint)
            if earlier is not None:
                return earlier
            if parent is not None:
                _existing(db, parent)
            opens = parent is None
            first = int(db.execute(_NEXT_POST).fetchone()[0])
            # The whole thread takes its numbers before any fan answers, so that they are consecutive.
            for number, text in enumerate(texts, start=first):
                shown = noted(media if number == first else ())
                self._add_post(db, number, write.account, text, parent, ai_label, shown)
                parent = number
            for number, text in enumerate(texts, start=first):
                self._let_react(db, number, write.account, text, opens=opens and number == first)
            receipt = PostReceipt(
                kind=kind,
                idempotency_key=key,
                ids=[str(number) for number in range(first, first + len(texts))],
                url=post_url(write.account, first),
                created_at=self._timestamp(),
                content_hash=rules.content_hash(texts),
                ai_label=ai_label,
                media=[item.sha256 for item in media],
            )
            return self._seal(db, write, receipt)

    def like(self, account: str, post_id: str, key: str) -> PostReceipt:
        """Like a post; liking it again under another key is accepted and counts once.

        Raises:
            NetworkError: A rule is broken, the post is unknown, or the key was used for something else.
        """
        _check_member(account)
        number = rules.post_number(post_id)
        with self._database.transaction() as db:
            write, earlier = self._claim(db, account, key, rules.fingerprint("like", post_id))
            if earlier is not None:
                return earlier
            author = _existing(db, number)
            if db.execute(_ADD_LIKE, (write.account, number)).rowcount:
                db.execute(_REACT, (0, 1, number))
            receipt = PostReceipt(
                kind="like",
                idempotency_key=key,
                ids=[post_id],
                url=post_url(author, number),
                created_at=self._timestamp(),
                content_hash=rules.content_hash([post_id]),
            )
            return self._seal(db, write, receipt)

    def promote(
        self, account: str, post_id: str, token_amount: str, key: str, payment_reference: str = ""
    ) -> PostReceipt:
        """Buy reach for a post; the promotion kept is the platform's own invoice.

        Args:
            token_amount: An exact sum and its currency, such as "50 USDC".
            payment_reference: What it was paid with, such as the hash of a transaction; empty for a bill.

        Raises:
            NetworkError: A rule is broken, the post is unknown, or the key was used for something else.
        """
        _check_member(account)
        number = rules.post_number(post_id)
        amount = rules.parse_amount(token_amount)
        told = [post_id, amount.digits, amount.currency]
        with self._database.transaction() as db:
            write, earlier = self._claim(db, account, key, rules.fingerprint("promotion", *told))
            if earlier is not None:
                return earlier
            author = _existing(db, number)
            created_at = self._timestamp()
            invoice = (write.account, number, amount.digits, amount.currency, created_at)
            promotion = int(db.execute(_ADD_PROMOTION, invoice).fetchone()[0])
            reactions = audience.react_to_promotion(self._seed, promotion, write.account, amount)
            _apply(db, number, author, reactions)
            receipt = PostReceipt(
                kind="promotion",
                idempotency_key=key,
                ids=[post_id],
                url=post_url(author, number),
                created_at=created_at,
                content_hash=rules.content_hash(told),
                promotion_id=str(promotion),
                amount=amount.digits,
                currency=amount.currency,
                payment_reference=payment_reference or None,
            )
            return self._seal(db, write, receipt)

    def find(self, account: str, key: str) -> PostReceipt:
        """The receipt of an accepted write, or one with `found` false; never an error for an unknown account,
        because a caller asks this exactly when it does not know what was accepted.

        Raises:
            NetworkError: The handle or key is malformed.
        """
        rules.check_handle(account)
        rules.check_key(key)
        rows = self._database.read(_RECEIPT, account, key)
        if not rows:
            return PostReceipt(found=False, idempotency_key=key)
        return PostReceipt.model_validate_json(rows[0]["body"])

    def post(self, post_id: str) -> Post:
        """One post with its counters.

        Raises:
            NetworkError: There is no such post.
        """
        rows = self._database.read(_POST + "WHERE p.id = ?", rules.post_number(post_id))
        if not rows:
            raise NetworkError(PostRefused.UNKNOWN_POST, f"there is no post {post_id!r}")
        return as_post(rows[0], self._media)

    def timeline(self, account: str, limit: int, before: str | None) -> Timeline:
        """An account's posts, newest first.

        Raises:
            NetworkError: There is no such account, or `before` is not a post id.
        """
        handle, _ = self._known(account)
        limit = min(limit, MAX_TIMELINE)
        upper = 2**62 if before is None else rules.post_number(before)
        query = _POST + "WHERE p.author = ? AND p.id < ? ORDER BY p.id DESC LIMIT ?"
        rows = self._database.read(query, handle, upper, limit)
        more = str(rows[-1]["id"]) if len(rows) == limit else None
        return Timeline(account=handle, posts=[as_post(row, self._media) for row in rows], next_before=more)

    def posts(self, limit: int, after: str | None) -> PostPage:
        """The whole network's posts, oldest first.

        Raises:
            NetworkError: `after` is not a post id.
        """
        limit = min(limit, MAX_PAGE)
        lower = 0 if after is None else rules.post_number(after)
        rows = self._database.read(_POST + "WHERE p.id > ? ORDER BY p.id LIMIT ?", lower, limit)
        more = str(rows[-1]["id"]) if len(rows) == limit else None
        return PostPage(posts=[as_post(row, self._media) for row in rows], next_after=more)

    def mentions(self, account: str) -> list[Mention]:
        """What others wrote to or about an account, newest first; empty for an account not opened yet.

        Raises:
            NetworkError: The handle is malformed.
        """
        rules.check_handle(account)
        return [
            Mention(
                id=str(row["id"]),
                author=row["author"],
                text=row["text"],
                created_at=row["created_at"],
                in_reply_to=optional_id(row["in_reply_to"]),
            )
            for row in self._database.read(_MENTIONS, account, MAX_MENTIONS)
        ]

    def trends(self) -> list[Trend]:
        """Topics of the most recent posts and of the audience, most talked about first."""
        rows = self._database.read("SELECT id, text FROM post ORDER BY id DESC LIMIT ?", RECENT_POSTS)
        newest = int(rows[0]["id"]) if rows else 0
        return audience.trends(self._seed, newest, [str(row["text"]) for row in rows])

    def profile(self, account: str) -> Profile:
        """An account's public figures.

        Raises:
            NetworkError: There is no such account.
        """
        handle, followers = self._known(account)
        (row,) = self._database.read(_PROFILE, handle)
        hundredths = 100 * int(row["labelled"]) // max(int(row["posts"]), 1)
        share = f"{hundredths // 100}.{hundredths % 100:02d}"
        return Profile(
            account=handle,
            followers=followers,
            posts=row["posts"],
            likes=row["likes"],
            ai_labelled_share=share,
        )

    def count(self, name: str, at_most: int) -> bool:
        """Add one to a named counter of this file; false once it stands at the limit."""
        with self._database.transaction() as db:
            return db.execute(_COUNT, (name, at_most)).fetchone() is not None

    def _known(self, account: str) -> tuple[str, int]:
        rules.check_handle(account)
        rows = self._database.read(_ACCOUNT, account)
        if not rows:
            raise NetworkError(PostRefused.UNKNOWN_ACCOUNT, f"there is no account {account!r}")
        return str(rows[0]["handle"]), int(rows[0]["followers"])

    def _claim(
        self, db: sqlite3.Connection, account: str, key: str, fingerprint: str
    ) -> tuple[_Write, PostReceipt | None]:
        rules.check_key(key)
        handle = self._open_account(db, account)
        write = _Write(handle, key, fingerprint)
        if db.execute(_CLAIM, (handle, key, fingerprint)).rowcount:
            return write, None
        earlier = db.execute(_RECEIPT, (handle, key)).fetchone()
        if earlier["fingerprint"] != fingerprint:
            detail = "this idempotency key was already used for other content"
            raise NetworkError(PostRefused.KEY_CONFLICT, detail)
        return write, PostReceipt.model_validate_json(earlier["body"]).model_copy(update={"replayed": True})

    def _seal(self, db: sqlite3.Connection, write: _Write, receipt: PostReceipt) -> PostReceipt:
        db.execute(_SEAL, (receipt.model_dump_json(), write.account, write.key))
        return receipt

    def _open_account(self, db: sqlite3.Connection, handle: str) -> str:
        """The account's handle as it was first spelt."""
        followers = audience.first_followers(self._seed, handle)
        db.execute(_OPEN_ACCOUNT, (handle, followers, self._timestamp()))
        return str(db.execute(_ACCOUNT, (handle,)).fetchone()["handle"])

    def _add_post(
        self,
        db: sqlite3.Connection,
        number: int,
        author: str,
        text: str,
        parent: int | None,
        ai_label: bool,
        media: str = "[]",
    ) -> None:
        db.execute(_ADD_POST, (number, author, text, parent, ai_label, 0, 0, self._timestamp(), media))
        told = {handle.casefold() for handle in rules.mentioned(text)}
        if parent is not None:
            told.add(_existing(db, parent).casefold())
        for handle in sorted(told - {author.casefold()}):
            db.execute(_ADD_MENTION, (handle, number))

    def _let_react(self, db: sqlite3.Connection, number: int, author: str, text: str, *, opens: bool) -> None:
        followers = int(db.execute(_ACCOUNT, (author,)).fetchone()["followers"])
        reactions = audience.react(self._seed, number, author, text, followers, opens=opens)
        _apply(db, number, author, reactions)
        for reply in reactions.replies:
            fan = self._open_account(db, reply.author)
            self._add_post(db, int(db.execute(_NEXT_POST).fetchone()[0]), fan, reply.text, number, False)

    def _timestamp(self) -> str:
        return self._clock().isoformat(timespec="milliseconds")


def _check_member(handle: str) -> None:
    rules.check_handle(handle)
    if handle.casefold().startswith(audience.FAN_PREFIX):
        raise NetworkError(PostRefused.INVALID, f"the audience owns handles that begin with {audience.FAN_PREFIX}")


def _existing(db: sqlite3.Connection, number: int) -> str:
    """The author of a post that must exist."""
    row = db.execute("SELECT author FROM post WHERE id = ?", (number,)).fetchone()
    if row is None:
        raise NetworkError(PostRefused.UNKNOWN_POST, f"there is no post '{number}'")
    return str(row["author"])


def _apply(db: sqlite3.Connection, number: int, author: str, reactions: audience.Reactions) -> None:
    db.execute(_REACT, (reactions.views, reactions.likes, number))
    db.execute(_FOLLOW, (reactions.new_followers, author))
