"""The studio's shelf: files kept under the hash of their content, and found again by their URI."""

import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from chimera_studio.rules import MOST_IMAGE_BYTES, DrawingRefused, StudioError

VERSION = "1.1.0"
MODEL = f"chimera-studio/{VERSION}"

_MEDIA_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "mp4": "video/mp4",
    "wav": "audio/wav",
    "m4a": "audio/mp4",
    "vtt": "text/vtt",
    "srt": "application/x-subrip",
    "json": "application/json",
}
_CHUNK = 1 << 20


@dataclass(frozen=True)
class DrawnFile:
    """A file on the shelf: `<sha256>.<extension>` in the studio's folder."""

    path: Path
    sha256: str
    media_type: str
    size: int

    @property
    def uri(self) -> str:
        """The file as a file:// URI."""
        return self.path.as_uri()


class Studio:
    """The folder that pictures, clips and voices are kept in, each under the hash of its bytes."""

    def __init__(self, out: Path) -> None:
        """OSError when the folder cannot be made."""
        out.mkdir(parents=True, exist_ok=True)
        self.out = out.resolve()

    def keep(self, data: bytes, extension: str) -> DrawnFile:
        """Put bytes on the shelf; the same bytes are kept once."""
        path = self._shelf_path(hashlib.sha256(data).hexdigest(), extension)
        if not path.exists():
            with tempfile.NamedTemporaryFile(dir=self.out, prefix=".new-", delete=False) as new:
                try:
                    new.write(data)
                    new.flush()
                    os.fsync(new.fileno())
                    Path(new.name).replace(path)
                except OSError as error:
                    Path(new.name).unlink(missing_ok=True)
                    raise StudioError(
                        DrawingRefused.UNAVAILABLE, f"cannot write to the studio's folder: {error}"
                    ) from error
        return DrawnFile(path, path.stem, _media_type(extension), len(data))

    def keep_file(self, path: Path, extension: str) -> DrawnFile:
        """Move a finished file onto the shelf. It must lie on the same file system as the shelf."""
        digest = hashlib.sha256()
        with path.open("rb") as source:
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
        kept = self._shelf_path(digest.hexdigest(), extension)
        size = path.stat().st_size
        try:
            path.replace(kept)
        except OSError as error:
            raise StudioError(DrawingRefused.UNAVAILABLE, f"cannot move into the studio's folder: {error}") from error
        return DrawnFile(kept, kept.stem, _media_type(extension), size)

    def locate(self, uri: str) -> Path:
        """The file that a file:// URI names.

        Raises:
            StudioError: It is no such URI, lies outside the folder, is a link or a special file, or is not there.
        """
        parts = urlsplit(uri)
        if parts.scheme != "file" or parts.netloc not in ("", "localhost") or parts.query or parts.fragment:
            raise StudioError(DrawingRefused.INVALID, "a file is named by a file:// URI of this studio")
        path = Path(unquote(parts.path))
        # One folder without subfolders: anything that is not directly in it, by name, is somebody else's.
        if "\0" in str(path) or path.parent != self.out or path.name in ("", ".", ".."):
            raise StudioError(DrawingRefused.OUTSIDE, "only files in the studio's own folder are read")
        return path

    def read(self, uri: str) -> bytes:
        """The bytes of a file on the shelf. StudioError as for `locate`, or when it is too large."""
        path = self.locate(uri)
        try:
            # Opened without following a link, then asked what it is, so nothing can be swapped in between.
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError as error:
            raise StudioError(DrawingRefused.UNKNOWN_FILE, f"{path.name} is not here") from error
        except OSError as error:
            raise StudioError(DrawingRefused.OUTSIDE, f"{path.name} is not a plain file of this studio") from error
        told = os.fstat(descriptor)
        if not stat.S_ISREG(told.st_mode):
            os.close(descriptor)
            raise StudioError(DrawingRefused.OUTSIDE, f"{path.name} is not a plain file of this studio")
        with open(descriptor, "rb") as source:
            if told.st_size > MOST_IMAGE_BYTES:
                raise StudioError(
                    DrawingRefused.TOO_LARGE, f"{path.name} has {told.st_size} bytes; {MOST_IMAGE_BYTES} at most"
                )
            return source.read(MOST_IMAGE_BYTES)

    def _shelf_path(self, digest: str, extension: str) -> Path:
        _media_type(extension)
        return self.out / f"{digest}.{extension}"


def _media_type(extension: str) -> str:
    known = _MEDIA_TYPES.get(extension)
    if known is None:
        raise StudioError(DrawingRefused.INVALID, f"the studio keeps no .{extension} files")
    return known
