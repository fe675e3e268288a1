"""Run the wallet as an MCP server: `python -m chimera_wallet --rpc URL --signer-socket PATH`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from chimera_serving.mcp_server import add_transport, serve
from chimera_wallet.anchors import add_anchors
from chimera_wallet.faucet import add_faucet
from chimera_wallet.ledger import ChainView
from chimera_wallet.messages import WalletError
from chimera_wallet.payments import Wallet
from chimera_wallet.rpc import Rpc
from chimera_wallet.server import build_server
from chimera_wallet.tokens.amounts import parse_tokens
from chimera_wallet.tokens.contract import checked_address
from chimera_wallet.x402.tools import CURRENCY, Resources, ResourceSigner


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until end of input (stdio) or a signal; 2 when it cannot start."""
    options = _parser().parse_args(arguments)
    try:
        tokens = {symbol: checked_address(address) for symbol, address in parse_tokens(options.token).items()}
        node, signer = Rpc(options.rpc), ResourceSigner(options.signer_socket)
        resources = Resources(node, signer, tokens.get(CURRENCY), options.seller_host, options.confirmations)
    except (ValueError, WalletError) as error:
        print(error, file=sys.stderr)
        return 2
    chain = ChainView(node, tokens)
    wallet = Wallet(chain, signer, confirmations=options.confirmations)
    server = build_server(wallet, resources)
    add_anchors(server, wallet, chain, signer)
    add_faucet(server, wallet, node)
    try:
        serve(server, options)
    except OSError as error:
        print(f"cannot serve: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chimera_wallet", description=__doc__)
    parser.add_argument("--rpc", required=True, help="URL of the chain's JSON-RPC")
    parser.add_argument("--signer-socket", type=Path, required=True, help="Unix socket of the signer")
    parser.add_argument("--token", action="append", default=[], help="SYMBOL=ADDRESS of a token's contract")
    parser.add_argument("--confirmations", type=_depth, default=1, help="blocks that make a payment final")
    parser.add_argument(
        "--seller-host", action="append", default=[], help="origin that resources may be bought from (x402)"
    )
    add_transport(parser, port=8803)
    return parser


def _depth(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 1_000:
        raise ValueError("confirmations are a number from 1 to 1000")
    return number


if __name__ == "__main__":
    sys.exit(main())
