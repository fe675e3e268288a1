"""Pictures and clips of posts: copied from folders that the network may read, kept and shown as they came."""

import errno
import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pydantic import TypeAdapter

from chimera_devnet.social.messages import MediaFile, OfferedMedia, ShownMedia
from chimera_devnet.social.rules import NetworkError, PostRefused

MAX_MEDIA = 4
MAX_BYTES = 50 * 1024 * 1024
MAX_ALT = 1_000

EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "video/mp4": "mp4"}
"""The kinds of file that a post may show, each with the ending of its name."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_NOT_CLIPS = frozenset({b"avif", b"avis", b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"qt  "})
"""What begins like an MP4 and is a picture or another kind of film."""

_PASSING = frozenset({errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""Trouble of the machine, not of the file: it may be gone the next time."""

_KEPT = TypeAdapter(list[MediaFile])


def check_media(media: Sequence[OfferedMedia]) -> None:
    """Refuse what no post can show, before any file is looked at.

    Raises:
        NetworkError: Too many files, a kind that is not shown, or a malformed hash or description.
    """
    if len(media) > MAX_MEDIA:
        raise _invalid(f"a post shows at most {MAX_MEDIA} files, not {len(media)}")
    for position, item in enumerate(media, start=1):
        name = f"file {position} of {len(media)}"
        if item.media_type not in EXTENSIONS:
            raise _invalid(f"{name} is {item.media_type[:60]!r}, not one of {', '.join(EXTENSIONS)}")
        if not _SHA256.fullmatch(item.sha256):
            raise _invalid(f"{name} needs a SHA-256 of 64 hex digits")
        if len(item.alt) > MAX_ALT or "\0" in item.alt:
            raise _invalid(f"{name} is described in at most {MAX_ALT} characters, none of them NUL")
        if not item.alt.isascii() and any("\ud800" <= letter <= "\udfff" for letter in item.alt):
            raise _invalid(f"the description of {name} is not valid Unicode")


def noted(media: Sequence[MediaFile]) -> str:
    """The files of a post as its row keeps them."""
    plain = [MediaFile(sha256=item.sha256, media_type=item.media_type, alt=item.alt) for item in media]
    return _KEPT.dump_json(plain).decode()


def marks(media: Sequence[MediaFile]) -> list[str | None]:
    """What files add to a write's fingerprint. None, which no text is, parts them from the texts."""
    return [mark for item in media for mark in (None, item.sha256, item.media_type, item.alt)]


class MediaFolder:
    """The network's own copies, `<sha256>.<ending>`; what is in none of the posts does no harm."""

    def __init__(self, folder: Path, sources: Sequence[Path]) -> None:
        """Nothing is made before there is a file to keep.

        Args:
            sources: The folders that files are copied from; without any, posts show nothing.
        """
        self._folder = folder.resolve()
        self._sources = sources

    def take_in(self, media: Sequence[OfferedMedia]) -> None:
        """Copy the files, each whole and durable under its name or not at all.

        Raises:
            NetworkError: A file lies elsewhere, is no plain file, too large, or not what it is said to be.
        """
        for item in media:
            data = self._read(item.uri)
            if hashlib.sha256(data).hexdigest() != item.sha256:
                raise _invalid(f"the file does not give the SHA-256 {item.sha256}")
            if not _looks_like(item.media_type, data[:16]):
                raise _invalid(f"the file does not begin like {item.media_type}")
            self._keep(item, data)

    def shown(self, kept: str) -> list[ShownMedia]:
        """The files of a post's row, with where the network's copies are."""
        return [
            ShownMedia(sha256=item.sha256, media_type=item.media_type, alt=item.alt, url=self._path(item).as_uri())
            for item in _KEPT.validate_json(kept)
        ]

    def _path(self, item: MediaFile) -> Path:
        return self._folder / f"{item.sha256}.{EXTENSIONS[item.media_type]}"

    def _read(self, uri: str) -> bytes:
        root, parts = self._beneath(uri)
        try:
            descriptor = _opened(root, parts)
        except OSError as error:
            if error.errno in _PASSING:
                raise NetworkError(PostRefused.UNAVAILABLE, f"the file cannot be read ({error.strerror})") from error
            raise _invalid(f"there is no plain file {parts[-1][:80]!r} to copy ({error.strerror})") from error
        told = os.fstat(descriptor)
        if not stat.S_ISREG(told.st_mode):
            os.close(descriptor)
            raise _invalid(f"{parts[-1][:80]!r} is no plain file")
        try:
            with open(descriptor, "rb") as source:
                data = source.read(MAX_BYTES + 1) if told.st_size <= MAX_BYTES else b""
        except OSError as error:
            raise NetworkError(PostRefused.UNAVAILABLE, f"the file cannot be read ({error.strerror})") from error
        if max(told.st_size, len(data)) > MAX_BYTES:
            raise _invalid(f"{parts[-1][:80]!r} is larger than {MAX_BYTES} bytes")
        return data

    def _beneath(self, uri: str) -> tuple[Path, tuple[str, ...]]:
        """The source that a file:// URI lies in, and the names from there to the file."""
        path = _path_of(uri)
        for source in self._sources:
            # A caller may know the folder by the name that we were given, or by its name without links.
            for root in (source.absolute(), source.resolve()):
                if path.is_relative_to(root) and path != root:
                    return root, path.relative_to(root).parts
        if not self._sources:
            raise _invalid("this network takes no files: it was started without --media-from")
        raise _invalid("the file is in none of the folders that files are taken from")

    def _keep(self, item: MediaFile, data: bytes) -> None:
        try:
            self._folder.mkdir(exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._folder, prefix=".new-", delete=False) as new:
                try:
                    new.write(data)
                    new.flush()
                    os.fsync(new.fileno())
                    # A copy that is there already is replaced: should it have been damaged, it is whole again.
                    Path(new.name).replace(self._path(item))
                except OSError:
                    Path(new.name).unlink(missing_ok=True)
                    raise
            _sync(self._folder)
        except OSError as error:
            raise NetworkError(PostRefused.UNAVAILABLE, f"the file cannot be kept ({error.strerror})") from error


def _path_of(uri: str) -> Path:
    try:
        uri.encode()
        parts = urlsplit(uri)
    except ValueError as error:
        raise _invalid("a file is named by a file:// URI") from error
    path = Path(unquote(parts.path))
    named = parts.scheme == "file" and parts.netloc in ("", "localhost") and not parts.query and not parts.fragment
    if not named or not path.is_absolute() or ".." in path.parts or "\0" in str(path):
        raise _invalid("a file is named by a file:// URI with an absolute path and no '..'")
    return path


def _opened(root: Path, parts: Sequence[str]) -> int:
    """The file, opened name by name from its root down, so that no link on the way leads elsewhere."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for name in parts[:-1]:
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        # Without waiting: a pipe nobody writes into would hold the network up.
        return os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)


def _looks_like(media_type: str, head: bytes) -> bool:
    match media_type:
        case "image/png":
            return head.startswith(b"\x89PNG\r\n\x1a\n")
        case "image/jpeg":
            return head.startswith(b"\xff\xd8\xff")
        case "image/webp":
            return head[:4] == b"RIFF" and head[8:12] == b"WEBP"
        case _:
            return head[4:8] == b"ftyp" and len(head) >= 12 and head[8:12] not in _NOT_CLIPS


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _invalid(detail: str) -> NetworkError:
    return NetworkError(PostRefused.INVALID, detail)
