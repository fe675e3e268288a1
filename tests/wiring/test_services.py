"""What runs beside Chimera: started when it is not configured, left alone when it is."""

import contextlib
import os

import psutil
import pytest
from pydantic import SecretStr

from chimera.gateways.signing_keys import KeyFile
from chimera.settings import Settings
from chimera.wiring import System, services
from chimera_protocol.errors import Invalid

PASSPHRASE = "nine brown hens behind the barn"


def words(process: psutil.Process) -> str:
    """What a process was started with; nothing of one that is over."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return " ".join(process.cmdline())
    return ""


def beside(settings: Settings) -> list[str]:
    """The servers of ours that were started for this state folder."""
    found = [words(each) for each in psutil.Process(os.getpid()).children(recursive=True)]
    return sorted(told.partition(" -m ")[2].split()[0] for told in found if f"--state {settings.state}/" in told)


async def test_configured_services_are_brought_up_to_date_and_left_running(settings: Settings) -> None:
    settings = settings.model_copy(update={"wallets": False})
    async with services(settings) as found:
        assert found == settings
        system = System(found)
        await system.open()
        assert (await system.accounts.open_tenant("acme")).version == 7
        await system.close()
    async with services(settings):
        pass


async def test_a_chain_and_a_signer_are_started_and_ended_with_it(settings: Settings) -> None:
    given = settings.model_copy(update={"wallet_passphrase": SecretStr(PASSPHRASE)})
    async with services(given) as found:
        assert beside(settings) == ["chimera_devnet.chain", "chimera_wallet.signer"]
        assert found.chain_url is not None and found.chain_url.startswith("http://127.0.0.1:")
        assert (found.chain_id, set(found.chain_tokens), len(found.funding_addresses)) == (31_337, {"USDC"}, 2)
        assert (found.anchor_every_seconds, found.anchor_confirmations) == (10, 1)
        assert found.signer_socket is not None and found.signer_socket.is_socket()
        system = System(found)
        assert system.chain is not None and system.chain.currencies == {"ETH", "USDC"}
        assert system.paymaster is not None
        assert not any(PASSPHRASE in value for value in found.environment().values())
        # A configured signer is somebody else's: on the same chain nothing more is started.
        async with services(found) as again:
            assert again == found
            assert len(beside(settings)) == 2
    assert beside(settings) == []
    assert not (settings.state / "signer.passphrase").exists()
    assert KeyFile(settings.state / "keys" / "cfo.pem").public_key


async def test_a_chain_without_its_id_is_refused_with_the_way_out(settings: Settings) -> None:
    with pytest.raises(Invalid, match="CHIMERA_CHAIN_ID"):
        async with services(settings.model_copy(update={"chain_url": "http://127.0.0.1:1"})):
            pass
    assert beside(settings) == []


async def test_without_wallets_nothing_is_paid_by_them(settings: Settings) -> None:
    async with services(settings.model_copy(update={"wallets": False})) as found:
        assert beside(settings) == []
        system = System(found)
        assert (system.chain, system.paymaster) == (None, None)
