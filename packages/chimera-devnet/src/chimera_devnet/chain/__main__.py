"""Run a chain of one's own behind JSON-RPC: `python -m chimera_devnet.chain --state DIR`."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from chimera_devnet.chain.methods import methods
from chimera_devnet.chain.node import Node
from chimera_devnet.chain.rpc import application
from chimera_serving.journal import JournalError
from chimera_serving.listening import port_number, serve_app


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal or the parent's end; 2 when it cannot start."""
    options = _parser().parse_args(arguments)
    try:
        node = Node(options.state)
    except JournalError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        asyncio.run(serve_app(application(methods(node)), options.host, options.port, path=""))
    except OSError as error:
        print(f"cannot serve: {error}", file=sys.stderr)
        return 2
    finally:
        node.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chimera_devnet.chain", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="folder of the chain, made when missing")
    parser.add_argument("--host", default="127.0.0.1", help="this chain has a faucet: keep it on loopback")
    parser.add_argument("--port", type=port_number, default=0, help="0 picks a free one, printed at start")
    return parser


if __name__ == "__main__":
    sys.exit(main())
