"""What a media file is, measured from the file and never taken from who asked for it (MED-4).

Only `probe_server` imports this: a role asks through `probe_client`, and has none of these readers in its process.
"""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from time import monotonic

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition, Stream
from av.video.stream import VideoStream
from PIL import ExifTags, Image, UnidentifiedImageError

from chimera.media.types import MAX_FILE, MEDIA_TYPES, MediaFacts
from chimera_protocol.errors import Invalid, NotFound

MAX_PIXELS = 36_000_000
"""Largest picture that is unpacked: 6000 by 6000. A small file can claim to be much more."""

_READERS = ["PNG", "JPEG", "WEBP", "GIF"]
_IMAGES = {"PNG": "image/png", "JPEG": "image/jpeg", "MPO": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}
_SOUNDS = {"wav": "audio/wav", "mp3": "audio/mpeg", "ogg": "audio/ogg", "flac": "audio/flac"}
_STILL_BRANDS = {"avif", "avis", "heic", "heix", "hevc", "mif1", "msf1"}
"""What calls itself an MP4 and is a picture."""

_WEBM = {"vp8", "vp9", "av1", "opus", "vorbis"}
_CODECS = {"mp3float": "mp3", "libdav1d": "av1", "libopus": "opus", "libvorbis": "vorbis"}
"""The codec behind the name of a decoder."""

# Playlists and the like make ffmpeg open other files and addresses, so only containers are let in.
_DEMUXERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,wav,mp3,ogg,flac"
_OPTIONS = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "file"}

_TURNED = {5, 6, 7, 8}
"""The EXIF orientations that swap width and height."""

_BROKEN_IMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    LookupError,
    TypeError,
    EOFError,
    OverflowError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
"""What Pillow's readers raise for a broken file."""


def measure(path: Path, deadline: float) -> MediaFacts:
    """Measure an image, a video or a sound. Its name must end as its content says.

    Invalid for anything else, for a broken or truncated file, and when the monotonic clock is past the deadline.
    """
    if not path.is_file():
        raise NotFound(f"there is no file {path.name!r} to be measured")
    claimed = MEDIA_TYPES.get(path.suffix.lower().removeprefix("."))
    if claimed is None:
        raise Invalid(f"the name {path.name!r} does not end like that of an image, a video or a sound")
    if not 0 < path.stat().st_size <= MAX_FILE:
        raise Invalid(f"{path.name!r} is empty, or larger than {MAX_FILE} bytes")
    facts = _image(path, deadline) or _stream(path, deadline)
    if facts.media_type != claimed:
        raise Invalid(f"{path.name!r} is {facts.media_type}, not {claimed} as its name says")
    return facts


def _image(path: Path, deadline: float) -> MediaFacts | None:
    """The facts of an image; None when it is none."""
    with _reading(path, _BROKEN_IMAGE, deadline):
        try:
            image = Image.open(path, formats=_READERS)
        except UnidentifiedImageError:
            return None
        with image:
            width, height = image.size
            _bounded(path, width, height)
            image.verify()
        with Image.open(path, formats=_READERS) as image:
            if image.getexif().get(ExifTags.Base.Orientation) in _TURNED:
                width, height = height, width
            shown = _shown(path, image, deadline)
            media_type = _IMAGES[image.format or ""]
    moving = len(shown) > 1
    even = moving and len(set(shown)) == 1 and shown[0] > 0
    return MediaFacts(
        media_type=media_type,
        encoding_format=media_type,
        width=width,
        height=height,
        resolution=f"{width}x{height}",
        frame_rate=str(1000 / shown[0]) if even else None,
        duration_ms=round(sum(shown)) if moving else None,
    )


def _shown(path: Path, image: Image.Image, deadline: float) -> list[Fraction]:
    """How long each frame of a moving image is shown, in milliseconds.

    Every frame is unpacked: a file whose end is missing gives itself away.
    """
    image.load()
    if not getattr(image, "is_animated", False) or image.format == "MPO":
        return []
    shown: list[Fraction] = []
    while True:
        _in_time(path, deadline)
        try:
            image.seek(len(shown))
        except EOFError:
            return shown
        image.load()
        shown.append(Fraction(image.info.get("duration", 0)).limit_denominator(1000))


@dataclass
class _Seen:
    """What the packets of a stream said."""

    start: Fraction | None = None
    end: Fraction = Fraction(0)
    decoded: bool = False
    rotation: int = 0

    @property
    def length(self) -> Fraction:
        return self.end - (self.start or 0)


def _stream(path: Path, deadline: float) -> MediaFacts:
    """The facts of a video or a sound."""
    left = max(deadline - monotonic(), 0.001)
    with (
        _reading(path, (FFmpegError, UnicodeError, MemoryError), deadline),
        av.open(
            str(path.absolute()), options=dict(_OPTIONS), timeout=(left, left), metadata_errors="replace"
        ) as container,
    ):
        picture = next((each for each in container.streams.video if not _is_cover(each)), None)
        sound = next(iter(container.streams.audio), None)
        chosen = [each for each in (picture, sound) if each is not None]
        if any(each.codec_context is None for each in chosen):
            raise Invalid(f"{path.name!r} has a stream of an unknown kind")
        if picture is not None:
            _bounded(path, picture.width, picture.height)
            picture.codec_context.options = {"max_pixels": str(MAX_PIXELS)}  # the frames may be larger than that claims
        media_type = _media_type(path, container, picture, sound)
        seen = _walk(path, container, chosen, deadline)
        width, height = (None, None) if picture is None else _size(picture, seen[picture.index])
        return MediaFacts(
            media_type=media_type,
            encoding_format=_encoding_format(media_type, chosen),
            width=width,
            height=height,
            resolution=None if picture is None else f"{width}x{height}",
            frame_rate=None if picture is None else str(_rate(path, picture)),
            duration_ms=round(_duration(path, container, seen, picture) * 1000),
            has_audio=sound is not None,
            audio_codec=_codec(sound),
            video_codec=_codec(picture),
        )


def _size(picture: VideoStream, seen: _Seen) -> tuple[int, int]:
    """Width and height as shown."""
    turned = seen.rotation % 180 != 0
    return (picture.height, picture.width) if turned else (picture.width, picture.height)


def _rate(path: Path, picture: VideoStream) -> Fraction:
    """Frames a second, on average where they are not even."""
    if not picture.average_rate:
        raise Invalid(f"{path.name!r} has no frame rate")
    return picture.average_rate


def _walk(
    path: Path, container: InputContainer, chosen: list[VideoStream | AudioStream], deadline: float
) -> dict[int, _Seen]:
    """Read every packet, and decode until each stream has shown that it can be."""
    seen = {each.index: _Seen() for each in chosen}
    for packet in container.demux(chosen):
        _in_time(path, deadline)
        mine = seen.get(packet.stream_index)
        if mine is None:  # a stream that the head of the file did not tell of
            continue
        if packet.is_corrupt:
            raise Invalid(f"{path.name!r} is damaged or ends too soon")
        if not mine.decoded:
            for frame in packet.decode():
                mine.decoded = True
                mine.rotation = getattr(frame, "rotation", 0)
        if packet.pts is not None:
            start = packet.pts * packet.time_base
            mine.start = start if mine.start is None else min(mine.start, start)
            mine.end = max(mine.end, start + (packet.duration or 0) * packet.time_base)
    if not all(each.decoded for each in seen.values()):
        raise Invalid(f"{path.name!r} has a stream that cannot be decoded")
    return seen


def _duration(path: Path, container: InputContainer, seen: dict[int, _Seen], picture: VideoStream | None) -> Fraction:
    """Seconds, as the container says when its packets bear it out."""
    measured = max(each.length for each in seen.values())
    if container.duration is None or container.duration <= 0:
        return measured
    declared = Fraction(container.duration, av.time_base)
    frame = Fraction(0) if picture is None else 1 / _rate(path, picture)
    # An MP3 without an index has no length but an estimate.
    if container.format.name != "mp3" and measured < declared - max(Fraction(1, 10), 2 * frame):
        raise Invalid(f"{path.name!r} ends too soon: it has {float(measured):.2f} of {float(declared):.2f} seconds")
    return declared


def _media_type(path: Path, container: InputContainer, picture: VideoStream | None, sound: AudioStream | None) -> str:
    name = container.format.name
    if picture is None and sound is None:
        raise Invalid(f"{path.name!r} has neither picture nor sound")
    if name.startswith("mov,"):
        brand = container.metadata.get("major_brand", "qt").strip()
        if brand not in _STILL_BRANDS:
            return "audio/mp4" if picture is None else "video/quicktime" if brand == "qt" else "video/mp4"
    elif name.startswith("matroska"):
        if picture is not None and {_codec(each) for each in (picture, sound) if each is not None} <= _WEBM:
            return "video/webm"
    elif name in _SOUNDS and picture is None:
        return _SOUNDS[name]
    raise Invalid(f"{path.name!r} is of a kind that is not used here: {name}")


def _encoding_format(media_type: str, chosen: list[VideoStream | AudioStream]) -> str:
    """The media type with its codecs, where the type is of a container (RFC 6381)."""
    if media_type not in {"video/mp4", "video/quicktime", "video/webm", "audio/mp4", "audio/ogg"}:
        return media_type
    return f'{media_type}; codecs="{", ".join(_codec_string(each) for each in chosen)}"'


def _codec_string(stream: VideoStream | AudioStream) -> str:
    """H.264 with profile and level, AAC with its object type; the others by their name."""
    codec, setup = _codec(stream) or "", stream.codec_context.extradata or b""
    if codec == "h264" and len(setup) >= 4 and setup[0] == 1:
        return f"avc1.{setup[1:4].hex()}"
    if codec == "aac" and setup:
        return f"mp4a.40.{setup[0] >> 3}"
    return codec


def _codec(stream: VideoStream | AudioStream | None) -> str | None:
    if stream is None:
        return None
    name = stream.codec_context.name
    return _CODECS.get(name, name)


def _is_cover(stream: Stream) -> bool:
    """Whether the picture is the cover of a sound."""
    return Disposition.attached_pic in stream.disposition


def _bounded(path: Path, width: int, height: int) -> None:
    if width <= 0 or height <= 0 or width * height > MAX_PIXELS:
        raise Invalid(f"{path.name!r} has {width}x{height} pixels; at most {MAX_PIXELS} are unpacked")


def _in_time(path: Path, deadline: float) -> None:
    if monotonic() > deadline:
        raise _slow(path)


def _slow(path: Path) -> Invalid:
    return Invalid(f"{path.name!r} takes too long to measure", remedy="Send a smaller or an undamaged file.")


@contextmanager
def _reading(path: Path, broken: tuple[type[Exception], ...], deadline: float) -> Iterator[None]:
    """Turn what a reader says about a broken file into Invalid, without the folder it is in."""
    try:
        yield
    except broken as error:
        _in_time(path, deadline)
        reason = getattr(error, "strerror", None) or str(error)
        said = str(reason).replace(str(path), path.name)[:200]
        raise Invalid(f"{path.name!r} is not an intact media file: {said}") from error
