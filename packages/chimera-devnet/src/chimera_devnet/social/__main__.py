"""Run the local social network as an MCP server: `python -m chimera_devnet.social --db PATH`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from chimera_devnet.social import faults
from chimera_devnet.social.network import Network
from chimera_devnet.social.rules import NetworkError
from chimera_devnet.social.server import build_server
from chimera_serving.mcp_server import add_transport, serve


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until end of input (stdio) or a signal; 2 when it cannot start."""
    options = _parser().parse_args(arguments)
    try:
        fault = faults.parse(options.fault)
        network = Network(options.db, options.seed, media_from=options.media_from)
    except (ValueError, NetworkError) as error:
        print(error, file=sys.stderr)
        return 2
    try:
        serve(build_server(network, fault), options)
    except OSError as error:
        print(f"cannot serve: {error}", file=sys.stderr)
        return 2
    finally:
        network.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chimera_devnet.social", description=__doc__)
    parser.add_argument("--db", type=Path, required=True, help="SQLite file, made when missing")
    parser.add_argument("--seed", type=int, default=1, help="audience seed")
    parser.add_argument(
        "--media-from", type=Path, action="append", default=[], help="a folder that files of posts are copied from"
    )
    parser.add_argument(
        "--fault", default="", help="what goes wrong with writing calls: MODE:TIMES, or @FILE with one such to a line"
    )
    add_transport(parser, port=8801)
    return parser


if __name__ == "__main__":
    sys.exit(main())
