"""A fleet that has really published pictures and texts, and files of every doubtful kind for strangers to bring."""

import io
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import asyncpg
from PIL import Image
from stamina import instrumentation
from tests.journeys.fleet import EXAMPLES, Fleet, Json, dispatch, open_fleet

from chimera.settings import Settings
from chimera.values import Role
from chimera.wiring import System
from chimera_credentials.authority import Authority
from chimera_credentials.signing import Claimant, FileSigner
from chimera_credentials.timestamps import OwnStamps
from chimera_credentials.types import FileStatement, SourceType


@dataclass
class Shown:
    """A fleet, its pieces by name, and a folder for files."""

    fleet: Fleet
    pieces: dict[str, Json]
    folder: Path

    @property
    def system(self) -> System:
        return self.fleet.system

    def media(self, name: str) -> Json:
        return self.pieces[name]["media"][0]

    def path(self, name: str) -> str:
        """Where the file of a piece is served."""
        return f"/v1/files/{self.media(name)['storage_uri'].rpartition('/')[2]}"

    async def content(self, name: str = "picture") -> bytes:
        """The signed file of a piece, as it was published."""
        return await self.system.files.read(self.media(name)["storage_uri"])


@asynccontextmanager
async def showing(url: str, redis: str, state: Path, pieces: dict[str, str]) -> AsyncIterator[Shown]:
    """A fleet of its own; `pieces` are topics by name. The one called 'secret' is approved and never published."""
    instrumentation.set_on_retry_hooks([])  # looking again is no event worth a line in the log
    feeds = EXAMPLES / "feeds" / "feeds.yaml"
    system = System(
        Settings(state=state, database_url=url, redis_url=redis, feeds=feeds, undo_seconds=0, cool_down_seconds=0)
    )
    raw = await asyncpg.connect(url)
    await system.open()
    try:
        fleet = await open_fleet(system, raw)  # a fixed account: the composer writes from it
        made: dict[str, Json] = {}
        async with fleet.working(*Role):
            for name in (name for name in pieces if name != "secret"):
                await fleet.post("/v1/tasks", _wish(name, pieces[name]))
            for name in (name for name in pieces if name != "secret"):
                await fleet.delivered(name, patience=120)
        if "secret" in pieces:
            async with fleet.working(Role.WORKER, Role.JUDGE):
                await fleet.post("/v1/tasks", _wish("secret", pieces["secret"]))
                await fleet.task("secret", "completed", 60)
        by_task = {row["task_id"]: row for row in await fleet.items("/v1/assets")}
        for name in pieces:
            made[name] = by_task[(await fleet.get(f"/v1/tasks/{name}"))["task_id"]]
        await system.transparency.seal(system.log_key)
        yield Shown(fleet, made, state)
        await fleet.client.aclose()
    finally:
        await system.close()
        await raw.close()


def _wish(name: str, topic: str) -> Json:
    media = {"words": "none", "clip": "clip"}.get(name, "image")
    return dispatch(name, parameters={"topic": topic, "media": media})


def plain(shade: int = 0) -> bytes:
    """A PNG without credentials."""
    into = io.BytesIO()
    Image.new("RGB", (64, 80), (shade, 90, 140)).save(into, "PNG")
    return into.getvalue()


def signed(folder: Path, content: bytes, authority: Authority | None = None) -> bytes:
    """The PNG with credentials: of somebody else's root unless an authority is given."""
    place = folder / uuid4().hex
    place.mkdir()
    own = authority or Authority(place / "credentials")
    signer = FileSigner(own, OwnStamps(own), Claimant("Somebody", "1"))
    statement = FileStatement(
        asset_id="01a",
        soul_hash="a" * 64,
        prompt_hash="b" * 64,
        model="somebody/model-1",
        seeds=(7, 2**63),
        source_type=SourceType.TRAINED_ALGORITHMIC_MEDIA,
    )
    source, target = place / "plain.png", place / "signed.png"
    source.write_bytes(content)
    try:
        signer.sign_file(source, target, "image/png", statement)
        return target.read_bytes()
    finally:
        signer.close()
        shutil.rmtree(place)


def tampered(content: bytes) -> bytes:
    """The file with one byte of its picture flipped."""
    at = content.index(b"IDAT") + 20
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def stripped(content: bytes) -> bytes:
    """The same picture without its credentials, as many sites give it back."""
    into = io.BytesIO()
    with Image.open(io.BytesIO(content)) as image:
        kind = image.format
        image.save(into, kind)
    return into.getvalue()
