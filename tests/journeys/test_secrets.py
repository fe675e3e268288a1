"""Neither the passphrase of the keystore nor a key of a wallet is anywhere but where it belongs (FIN-6)."""

import os
from collections.abc import AsyncIterator

import asyncpg
import psutil
import pytest
import pytest_asyncio
from redis.asyncio import Redis
from tests.journeys.paying import PASSPHRASE, Street, Till, publisher, till_on

from chimera.settings import Settings

pytestmark = pytest.mark.asyncio(loop_scope="session")

TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"


@pytest_asyncio.fixture(loop_scope="session")
async def till(street: Street, settings: Settings, raw: "asyncpg.Connection[asyncpg.Record]") -> AsyncIterator[Till]:
    async with till_on(street, settings, raw) as made:
        yield made


def told_to(process: psutil.Process) -> str:
    """All that anybody may read about a process of the same account."""
    return " ".join([*process.cmdline(), *(f"{name}={value}" for name, value in process.environ().items())])


async def test_a_payment_leaves_no_secret_behind(
    till: Till, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHIMERA_WALLET_PASSPHRASE", PASSPHRASE)  # as its owner gives it to `chimera up`
    key = await till.key()
    secrets = [PASSPHRASE.encode(), key.key.hex().removeprefix("0x").encode(), bytes(key.key)]

    def leaks(said: bytes) -> bool:
        return any(secret in said or secret in said.lower() for secret in secrets)

    effect_id = await till.approved_spend()
    with publisher(till.system.settings):
        await till.reaches(effect_id, "done")
        seen = [(each.name(), told_to(each)) for each in psutil.Process(os.getpid()).children(recursive=True)]
    await till.paid_once(effect_id)
    roles = ("chimera_devnet.chain", "chimera_wallet.signer", "chimera_wallet", "work publisher")
    assert all(any(role in told for _, told in seen) for role in roles)
    assert [name for name, told in seen if leaks(told.encode())] == []

    state = till.street.given.state
    files = [path for path in state.rglob("*") if path.is_file()]
    assert {"publisher.log", "signer.log", "chain.log", "signed.jsonl", "social.db"} <= {path.name for path in files}
    assert [path.name for path in files if leaks(path.read_bytes())] == []
    assert not (state / "signer.passphrase").exists()
    keystore = state / "signer" / "keys"
    private = {path.stat().st_mode & 0o777 for path in [*keystore.rglob("*.json"), *state.glob("signer/*.jsonl")]}
    assert (private, keystore.stat().st_mode & 0o777) == ({0o600}, 0o700)

    assert till.system.settings.redis_url is not None
    async with Redis.from_url(till.system.settings.redis_url) as redis:
        assert not leaks(b" ".join([await redis.dump(name) or b"" for name in await redis.keys()]))
    for (table,) in await till.raw.fetch(TABLES):
        rows = await till.raw.fetch(f'SELECT t::text FROM "{table}" t')  # noqa: S608
        assert not leaks("\n".join(row[0] for row in rows).encode()), table
    out, err = capfd.readouterr()
    assert "tool" in out
    assert not leaks(f"{out}{err}".encode())
