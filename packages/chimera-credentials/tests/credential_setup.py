"""Small real media, an authority of its own for each test, and a verifier that shares no code with our signer."""

import hashlib
import io
import subprocess
import wave
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import encypher_c2pa
import imageio_ffmpeg
import pytest
from PIL import Image
from pydantic import JsonValue

from chimera_credentials.authority import Authority
from chimera_credentials.signing import Claimant, FileSigner
from chimera_credentials.timestamps import OwnStamps
from chimera_credentials.types import FileStatement, SourceType

GENERATOR = Claimant("Chimera", "0.1.0")


class Clock:
    """A clock that stands where it is put, beside the real one."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass(frozen=True)
class Media:
    """A real file without credentials."""

    path: Path
    media_type: str


def _picture(kind: str, shade: int = 0) -> bytes:
    into = io.BytesIO()
    gradient = Image.linear_gradient("L").resize((320, 400))
    Image.merge("RGB", (gradient, gradient.rotate(90).resize((320, 400)), Image.new("L", (320, 400), shade))).save(
        into, kind
    )
    return into.getvalue()


def _clip(path: Path) -> None:
    scene = ["-f", "lavfi", "-i", "testsrc=duration=2:size=270x480:rate=24"]
    sound = ["-f", "lavfi", "-i", "sine=frequency=330:duration=2"]
    coding = ["-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-shortest"]
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *scene, *sound, *coding, str(path)], check=True)


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Media]:
    """One file of each kind, and a second JPEG."""
    folder = tmp_path_factory.mktemp("media")
    (folder / "card.png").write_bytes(_picture("PNG"))
    (folder / "card.jpg").write_bytes(_picture("JPEG"))
    (folder / "other.jpg").write_bytes(_picture("JPEG", shade=200))
    (folder / "card.webp").write_bytes(_picture("WEBP"))
    _clip(folder / "clip.mp4")
    with wave.open(str(folder / "voice.wav"), "wb") as voice:
        voice.setparams((1, 2, 8000, 0, "NONE", ""))
        voice.writeframes(hashlib.shake_256(b"voice").digest(16_000))
    kinds = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp", "mp4": "video/mp4", "wav": "audio/wav"}
    return {path.name: Media(path, kinds[path.suffix[1:]]) for path in folder.iterdir()}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def authority(tmp_path: Path, clock: Clock) -> Authority:
    return Authority(tmp_path / "credentials", clock=clock)


@pytest.fixture
def signer(authority: Authority) -> Iterator[FileSigner]:
    made = FileSigner(authority, OwnStamps(authority), GENERATOR)
    yield made
    made.close()


@pytest.fixture
def unstamped(authority: Authority) -> FileSigner:
    return FileSigner(authority, None, GENERATOR)


@pytest.fixture
def statement() -> FileStatement:
    return FileStatement(
        asset_id="01a",
        soul_hash="a" * 64,
        prompt_hash="b" * 64,
        model="studio/card-3",
        seeds=(7, 2**63),
        source_type=SourceType.ALGORITHMIC_MEDIA,
    )


Report = Mapping[str, JsonValue]


@pytest.fixture
def stranger(authority: Authority) -> Callable[..., Report]:
    """Somebody else's verifier, in which our root is the only anchor."""

    def verify(path: Path, media_type: str, root_pem: str = authority.root_pem, at: datetime | None = None) -> Report:
        return encypher_c2pa.verify(
            path,
            media_type,
            trust_pem=root_pem,
            tsa_trust_pem=root_pem,
            no_default_trust=True,
            validation_time=at.isoformat() if at else None,
        )

    return verify
