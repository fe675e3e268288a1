"""Real pictures and clips for posts to show, and where the network keeps them."""

import hashlib
import io
import subprocess
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import imageio_ffmpeg
from PIL import Image

from chimera_devnet.social.messages import OfferedMedia

KINDS = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp", "mp4": "video/mp4"}


@cache
def made(ending: str, shade: int = 0) -> bytes:
    """A real picture or clip."""
    if ending == "mp4":
        scene = ["-f", "lavfi", "-i", "testsrc=duration=1:size=64x64:rate=8", "-pix_fmt", "yuv420p"]
        whole = ["-movflags", "frag_keyframe+empty_moov", "-f", "mp4", "pipe:1"]
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *scene, *whole]
        return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
    into = io.BytesIO()
    Image.new("RGB", (48, 60), (shade, 90, 120)).save(into, {"jpg": "JPEG"}.get(ending, ending.upper()))
    return into.getvalue()


def offered(folder: Path, ending: str = "png", shade: int = 0, **changed: str) -> OfferedMedia:
    """A file in a folder, as a post asks for it."""
    data = made(ending, shade)
    sha256 = hashlib.sha256(data).hexdigest()
    path = folder / f"{sha256}.{ending}"
    path.write_bytes(data)
    told = {"uri": path.resolve().as_uri(), "sha256": sha256, "media_type": KINDS[ending], "alt": "A star"}
    return OfferedMedia.model_validate({**told, **changed})


def kept(folder: Path) -> list[str]:
    """The names of the copies that the network beside has."""
    own = folder / "social.db.media"
    return sorted(path.name for path in own.iterdir()) if own.exists() else []


def path_of(url: str) -> Path:
    """The file behind a file:// URI."""
    return Path(unquote(urlsplit(url).path))
