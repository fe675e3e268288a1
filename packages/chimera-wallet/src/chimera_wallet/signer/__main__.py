"""Run the process that holds the keys: `python -m chimera_wallet.signer --state DIR --socket PATH …`.

The first line of standard input is the passphrase; `ready` is printed once the socket is open.
"""

import argparse
import asyncio
import base64
import os
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

from chimera_protocol.money import Money
from chimera_serving.journal import Journal, JournalError
from chimera_serving.lifetime import parent_gone, stop_on_signals
from chimera_wallet.signer.keystore import Keystore, KeystoreError
from chimera_wallet.signer.rules import SigningPolicy
from chimera_wallet.signer.signer import Desk
from chimera_wallet.signer.socket_server import opened
from chimera_wallet.tokens.amounts import ETH, money_units, parse_tokens
from chimera_wallet.tokens.contract import checked_address

MAX_PASSPHRASE = 1_024


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal or the parent's end; 2 when it cannot start."""
    options = _parser().parse_args(arguments)
    # Neither a dump of this process nor a careless mode may show what it holds.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)
    try:
        policy = _policy(options)
        journal = Journal(options.state / "signed.jsonl")
    except (ValueError, JournalError) as error:
        print(error, file=sys.stderr)
        return 2
    try:
        keystore = Keystore(options.state / "keys", sys.stdin.readline(MAX_PASSPHRASE).rstrip("\r\n"))
        asyncio.run(_serve(Desk(keystore, journal, policy), options.socket))
    except KeystoreError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"cannot serve: {error}", file=sys.stderr)
        return 2
    finally:
        journal.close()
    return 0


def _policy(options: argparse.Namespace) -> SigningPolicy:
    if len(base64.b64decode(options.cfo_key + "=" * (-len(options.cfo_key) % 4), altchars=b"-_", validate=True)) != 32:
        raise ValueError("--cfo-key is the CFO's Ed25519 public key, 32 bytes in base64url without padding")
    tokens = {symbol: checked_address(address) for symbol, address in parse_tokens(options.token).items()}
    cap = Money.parse(options.max_fee)
    if cap.currency != ETH or options.chain_id <= 0:
        raise ValueError(f"--max-fee is an amount of {ETH}, --chain-id a number above 0")
    return SigningPolicy(options.cfo_key, options.chain_id, tokens, money_units(cap))


async def _serve(desk: Desk, socket: Path) -> None:
    stopping = asyncio.create_task(stop_on_signals().wait())
    orphaned = asyncio.create_task(parent_gone())
    async with opened(desk, socket):
        print("ready", flush=True)
        await asyncio.wait([stopping, orphaned], return_when=asyncio.FIRST_COMPLETED)
    for task in (stopping, orphaned):
        task.cancel()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chimera_wallet.signer", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="folder of keys and journal, made when missing")
    parser.add_argument("--socket", type=Path, required=True, help="Unix socket to listen on")
    parser.add_argument("--cfo-key", required=True, help="the CFO's Ed25519 public key, base64url")
    parser.add_argument("--chain-id", type=int, required=True)
    parser.add_argument("--token", action="append", default=[], help="SYMBOL=ADDRESS of a token's contract")
    parser.add_argument("--max-fee", default="0.01 ETH", help="most that any transaction's fee may be")
    return parser


if __name__ == "__main__":
    sys.exit(main())
