"""The files that a browser loads, each under an address that names its content, so that it may keep them for ever."""

import gzip
import hashlib
from collections.abc import Mapping
from importlib import resources
from typing import NamedTuple


class Asset(NamedTuple):
    """One file as it is served."""

    url: str
    media: str
    body: bytes
    packed: bytes


def _read(package: str, *path: str) -> bytes:
    return resources.files(package).joinpath(*path).read_bytes()


def _asset(name: str, media: str, body: bytes) -> Asset:
    tag = hashlib.sha256(body).hexdigest()[:16]
    return Asset(f"/static/{tag}/{name}", media, body, gzip.compress(body, mtime=0))


def _load() -> Mapping[str, Asset]:
    htmx = ("static", "django_htmx")
    script = b"\n".join(
        (
            # One file, because htmx starts a tick after it has run and must find its extension by then.
            _read("django_htmx", *htmx, "htmx-4.min.js"),
            _read("django_htmx", *htmx, "ext", "hx-sse-4.min.js"),
            _read(__package__, "board.js"),
        )
    )
    style = b"\n".join(_read(__package__, name) for name in ("base.css", "parts.css"))
    found = (
        _asset("board.js", "text/javascript; charset=utf-8", script),
        _asset("board.css", "text/css; charset=utf-8", style),
        _asset("icon.svg", "image/svg+xml", _read(__package__, "icon.svg")),
    )
    return {asset.url: asset for asset in found}


ASSETS = _load()
URLS = {url.rpartition("/")[2]: url for url in ASSETS}
