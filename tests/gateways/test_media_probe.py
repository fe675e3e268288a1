"""Measured facts agree with a second program that shares no code with ours, and broken files are refused."""

import asyncio
import random
import re
import struct
import subprocess
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import pytest
from PIL import Image

from chimera.gateways.media_probe import MAX_PIXELS
from chimera.gateways.probe_client import probe
from chimera.media.types import MediaFacts
from chimera_protocol.errors import Invalid, NotFound

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
"""The `ffmpeg` program: another build than the libraries that measure."""

PICTURE = "testsrc=size=320x240:rate={rate}:duration={seconds}"
TONE = "sine=frequency=440:sample_rate=44100:duration={seconds}"
H264 = ["-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast"]


def ffmpeg(path: Path, *arguments: str, rate: str | None = None, tone: bool = False, seconds: str = "2") -> Path:
    """Make a file from a moving test picture, a tone, or both."""
    sources = []
    if rate is not None:
        sources += ["-f", "lavfi", "-i", PICTURE.format(rate=rate, seconds=seconds)]
    if tone:
        sources += ["-f", "lavfi", "-i", TONE.format(seconds=seconds)]
    subprocess.run([FFMPEG, "-loglevel", "error", "-y", *sources, *arguments, str(path)], check=True, timeout=60)
    return path


def told(path: Path) -> str:
    """What the `ffmpeg` program says about a file."""
    answer = subprocess.run([FFMPEG, "-hide_banner", "-i", str(path)], capture_output=True, text=True, timeout=60)
    return answer.stderr


def counted(path: Path) -> int:
    """How many frames the `ffmpeg` program decodes."""
    command = [FFMPEG, "-hide_banner", "-i", str(path), "-map", "0:v:0", "-f", "null", "-"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return int(re.findall(r"frame=\s*(\d+)", answer.stderr)[-1])


def agree(facts: MediaFacts, path: Path) -> None:
    """Hold the facts against what the `ffmpeg` program says."""
    words = told(path)
    picture, sound = re.search(r"Video: (\w+).*", words), re.search(r"Audio: (\w+)", words)
    assert facts.video_codec == (picture and picture[1])
    assert facts.audio_codec == (sound and sound[1])
    assert facts.has_audio is (sound is not None)
    if picture is not None:
        assert facts.resolution in picture[0]
        shown = re.search(r"([\d.]+) fps", picture[0])
        assert shown is not None and facts.frame_rate is not None
        assert float(Fraction(facts.frame_rate)) == pytest.approx(float(shown[1]), abs=0.005)
    length = re.search(r"Duration: (\d+):(\d+):(\d+)\.(\d+)", words)
    assert length is not None
    hours, minutes, whole, hundredths = map(int, length.groups())
    assert facts.duration_ms is not None
    assert abs(facts.duration_ms - (((hours * 60 + minutes) * 60 + whole) * 1000 + hundredths * 10)) <= 10


@pytest.mark.parametrize("rate", ["30", "30000/1001", "25", "24000/1001", "60", "1"])
@pytest.mark.parametrize("tone", [True, False], ids=["sound", "silent"])
def test_a_clip_has_the_exact_rate_and_length_that_ffmpeg_sees(tmp_path: Path, rate: str, tone: bool) -> None:
    path = ffmpeg(tmp_path / "clip.mp4", *H264, *(["-c:a", "aac"] if tone else []), rate=rate, tone=tone)
    facts = asyncio.run(probe(path))
    agree(facts, path)
    assert (facts.frame_rate, facts.resolution, facts.has_audio) == (rate, "320x240", tone)
    assert facts.duration_ms == pytest.approx(1000 * counted(path) / Fraction(rate), abs=35)
    codecs = re.fullmatch(r'video/mp4; codecs="avc1\.[0-9a-f]{6}(, mp4a\.40\.2)?"', facts.encoding_format)
    assert codecs is not None and (codecs[1] is not None) is tone


SOUNDS: dict[str, tuple[str, str]] = {
    "a.wav": ("audio/wav", "pcm_s16le"),
    "a.mp3": ("audio/mpeg", "mp3"),
    "a.m4a": ("audio/mp4", "aac"),
    "a.ogg": ("audio/ogg", "vorbis"),
    "a.flac": ("audio/flac", "flac"),
}


@pytest.mark.parametrize("name", list(SOUNDS))
def test_a_sound_has_the_codec_and_length_that_ffmpeg_sees(tmp_path: Path, name: str) -> None:
    path = ffmpeg(tmp_path / name, tone=True, seconds="1.5")
    facts = asyncio.run(probe(path))
    agree(facts, path)
    assert (facts.media_type, facts.audio_codec) == SOUNDS[name]
    assert (facts.duration_ms, facts.resolution, facts.frame_rate) == (1500, None, None)


def test_a_song_with_a_cover_is_a_song(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "cover.png")
    song = ffmpeg(tmp_path / "plain.mp3", tone=True)
    attach = ["-i", str(song), "-i", str(tmp_path / "cover.png"), "-map", "0", "-map", "1", "-c", "copy"]
    facts = asyncio.run(probe(ffmpeg(tmp_path / "song.mp3", *attach)))
    assert (facts.media_type, facts.video_codec, facts.resolution) == ("audio/mpeg", None, None)


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
def test_webm_and_quicktime_are_told_from_mp4(tmp_path: Path, codec: str) -> None:
    fast = ["-deadline", "realtime", "-c:v", codec, "-c:a", "libopus"]
    webm = ffmpeg(tmp_path / "clip.webm", *fast, rate="30", tone=True)
    facts = asyncio.run(probe(webm))
    agree(facts, webm)
    assert (facts.media_type, facts.frame_rate) == ("video/webm", "30")
    facts = asyncio.run(probe(ffmpeg(tmp_path / "clip.mov", *H264, rate="30")))
    assert facts.media_type == "video/quicktime"


def test_a_turned_clip_has_the_size_as_shown(tmp_path: Path) -> None:
    flat = ffmpeg(tmp_path / "flat.mp4", *H264, rate="30")
    turned = ffmpeg(tmp_path / "turned.mp4", "-display_rotation", "90", "-i", str(flat), "-c", "copy")
    assert asyncio.run(probe(turned)).resolution == "240x320"


@pytest.mark.parametrize(
    ("name", "kind"), [("a.png", "png"), ("a.jpg", "mjpeg"), ("a.jpeg", "mjpeg"), ("a.webp", "webp")]
)
def test_an_image_has_the_size_that_ffmpeg_sees(tmp_path: Path, name: str, kind: str) -> None:
    Image.effect_mandelbrot((135, 108), (-2, -1, 1, 1), 50).convert("RGB").save(path := tmp_path / name)
    facts = asyncio.run(probe(path))
    words = re.search(rf"Video: {kind}\b.*", told(path))
    assert words is not None and f"{facts.resolution}" in words[0]
    assert (facts.width, facts.height, facts.frame_rate, facts.duration_ms) == (135, 108, None, None)
    assert facts.media_type == facts.encoding_format
    assert not facts.has_audio


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_has_the_size_as_shown(tmp_path: Path, orientation: int) -> None:
    image = Image.new("RGB", (40, 30), "red")
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(path := tmp_path / "photo.jpg", exif=exif)
    facts = asyncio.run(probe(path))
    assert facts.resolution == ("40x30" if orientation < 5 else "30x40")


@pytest.mark.parametrize(
    ("name", "ms", "rate"), [("a.gif", 100, "10"), ("a.webp", 40, "25"), ("a.png", 1000 / 30, "30")]
)
def test_a_moving_image_has_a_rate_and_a_length(tmp_path: Path, name: str, ms: float, rate: str) -> None:
    frames = [Image.new("RGB", (32, 24), colour) for colour in ("red", "green", "blue")]
    frames[0].save(path := tmp_path / name, save_all=True, append_images=frames[1:], duration=ms, loop=0)
    facts = asyncio.run(probe(path))
    assert (facts.frame_rate, facts.duration_ms, facts.resolution) == (rate, round(3 * ms), "32x24")


def test_an_uneven_moving_image_has_a_length_and_no_rate(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (32, 24), colour) for colour in ("red", "green", "blue")]
    frames[0].save(path := tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=[50, 100, 200])
    facts = asyncio.run(probe(path))
    assert (facts.frame_rate, facts.duration_ms) == (None, 350)


def still(path: Path) -> Path:
    Image.effect_noise((160, 120), 80).convert("RGB").save(path)
    return path


MAKERS: dict[str, Callable[[Path], Path]] = {
    "a.png": still,
    "a.jpg": still,
    "a.gif": still,
    "a.webp": still,
    "a.mp4": lambda path: ffmpeg(path, *H264, "-c:a", "aac", rate="30", tone=True),
    "fast.mp4": lambda path: ffmpeg(path, *H264, "-c:a", "aac", "-movflags", "+faststart", rate="30", tone=True),
    "a.webm": lambda path: ffmpeg(path, "-deadline", "realtime", "-c:v", "libvpx", rate="30"),
    "a.wav": lambda path: ffmpeg(path, tone=True),
    "a.m4a": lambda path: ffmpeg(path, tone=True),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    return {name: make(folder / name).read_bytes() for name, make in MAKERS.items()}


@pytest.mark.parametrize("name", list(MAKERS))
def test_a_truncated_file_is_refused(tmp_path: Path, whole: dict[str, bytes], name: str) -> None:
    path, data = tmp_path / name, whole[name]
    path.write_bytes(data)
    asyncio.run(probe(path))
    for share in (0.05, 0.3, 0.6, 0.9):
        path.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(Invalid):
            asyncio.run(probe(path))


@pytest.mark.parametrize("name", list(MAKERS))
def test_a_damaged_file_is_measured_or_refused_and_never_more(
    tmp_path: Path, whole: dict[str, bytes], name: str
) -> None:
    chance, refused = random.Random(name), 0
    path = tmp_path / name
    for _ in range(60):
        data = bytearray(whole[name])
        near_the_head = chance.random() < 0.7
        for _ in range(chance.randint(1, 12)):
            data[chance.randrange(min(len(data), 600) if near_the_head else len(data))] = chance.randrange(256)
        path.write_bytes(data)
        try:
            asyncio.run(probe(path, seconds=5))
        except Invalid:
            refused += 1
    assert refused


@pytest.mark.parametrize(
    ("real", "claimed"),
    [
        ("a.png", "x.jpg"),
        ("a.jpg", "x.png"),
        ("a.png", "x.mp4"),
        ("a.gif", "x.webp"),
        ("a.mp4", "x.png"),
        ("a.mp4", "x.mov"),
        ("a.mp4", "x.m4a"),
        ("a.m4a", "x.mp4"),
        ("a.wav", "x.mp3"),
        ("a.webm", "x.mp4"),
    ],
)
def test_a_name_that_lies_is_refused(tmp_path: Path, whole: dict[str, bytes], real: str, claimed: str) -> None:
    (path := tmp_path / claimed).write_bytes(whole[real])
    with pytest.raises(Invalid, match="as its name says"):
        asyncio.run(probe(path))


@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.gif", "x.webp", "x.mp4", "x.webm", "x.wav", "x.mp3", "x.ogg"])
@pytest.mark.parametrize("text", ["hello\n" * 500, "<svg xmlns='http://www.w3.org/2000/svg'/>", "\0" * 4096])
def test_what_is_no_media_is_refused_whatever_its_name(tmp_path: Path, name: str, text: str) -> None:
    (path := tmp_path / name).write_text(text)
    with pytest.raises(Invalid):
        asyncio.run(probe(path))


@pytest.mark.parametrize("form", ["#EXTM3U\n#EXTINF:2,\n{}\n", "ffconcat version 1.0\nfile {}\n"])
def test_a_list_of_other_files_is_not_followed(tmp_path: Path, whole: dict[str, bytes], form: str) -> None:
    (secret := tmp_path / "secret.mp4").write_bytes(whole["a.mp4"])
    for name in ("x.mp4", "x.webm"):
        (path := tmp_path / name).write_text(form.format(secret))
        with pytest.raises(Invalid):
            asyncio.run(probe(path))


def test_a_still_that_calls_itself_a_clip_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "still.avif")
    (tmp_path / "still.avif").rename(path := tmp_path / "clip.mp4")
    with pytest.raises(Invalid, match="not used here"):
        asyncio.run(probe(path))


def test_a_kind_of_container_that_is_not_used_is_refused(tmp_path: Path) -> None:
    made = ffmpeg(tmp_path / "clip.mkv", *H264, rate="30")
    with pytest.raises(Invalid, match="does not end like"):
        asyncio.run(probe(made))
    with pytest.raises(Invalid, match="not used here"):
        asyncio.run(probe(made.rename(tmp_path / "clip.webm")))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [6_001, 12_000, 20_000])
def test_a_picture_that_would_fill_the_memory_is_refused_unopened(tmp_path: Path, side: int) -> None:
    (path := tmp_path / "bomb.png").write_bytes(bomb(side))
    assert path.stat().st_size < 600_000
    with pytest.raises(Invalid, match="pixels"):
        asyncio.run(probe(path))
    (path := tmp_path / "fits.png").write_bytes(bomb(200))
    assert asyncio.run(probe(path)).width == 200
    assert side * side > MAX_PIXELS


def bomb(side: int) -> bytes:
    """A square PNG of one colour, in a thousandth of its size."""
    press = zlib.compressobj(9)
    row = bytes(1 + (side + 7) // 8)
    packed = b"".join([*(press.compress(row) for _ in range(side)), press.flush()])

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


@pytest.mark.parametrize("name", ["a.gif", "a.mp4"])
def test_a_file_that_takes_too_long_is_refused(tmp_path: Path, whole: dict[str, bytes], name: str) -> None:
    path = tmp_path / name
    path.write_bytes(whole[name])
    if name == "a.gif":
        frames = [Image.new("RGB", (8, 8), (number, 0, 0)) for number in range(50)]
        frames[0].save(path, save_all=True, append_images=frames[1:], duration=100)
    with pytest.raises(Invalid, match="too long"):
        asyncio.run(probe(path, seconds=0))


def test_nothing_and_too_much_are_refused_and_the_folder_is_not_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        asyncio.run(probe(tmp_path / "missing.png"))
    (path := tmp_path / "empty.png").touch()
    with pytest.raises(Invalid) as refused:
        asyncio.run(probe(path))
    with path.open("wb") as file:
        file.truncate(300 * 1024 * 1024)
    with pytest.raises(Invalid, match="larger"):
        asyncio.run(probe(path))
    (path := tmp_path / "broken.mp4").write_bytes(b"\0\0\0\x18ftypisom")
    with pytest.raises(Invalid) as refused:
        asyncio.run(probe(path))
    assert str(tmp_path) not in str(refused.value)
    assert "broken.mp4" in str(refused.value)


async def test_measuring_does_not_hold_up_the_others(tmp_path: Path, whole: dict[str, bytes]) -> None:
    (path := tmp_path / "a.mp4").write_bytes(whole["a.mp4"])
    turns, work = 0, asyncio.create_task(probe(path))
    while not work.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 3
    assert (await work).media_type == "video/mp4"
