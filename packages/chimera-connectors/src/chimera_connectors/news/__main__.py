"""Run the news feeds as an MCP server: `python -m chimera_connectors.news --feeds PATH`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from chimera_connectors.news.feeds import Feeds, load_mapping
from chimera_connectors.news.items import FeedError
from chimera_connectors.news.server import build_server
from chimera_serving.mcp_server import add_transport, serve


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until end of input (stdio) or a signal; 2 when it cannot start."""
    options = _parser().parse_args(arguments)
    try:
        server = build_server(Feeds(load_mapping(options.feeds)))
    except FeedError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        serve(server, options)
    except OSError as error:
        print(f"cannot serve: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chimera_connectors.news", description=__doc__)
    parser.add_argument("--feeds", type=Path, required=True, help="YAML or JSON: name to file or URL")
    add_transport(parser, port=8802)
    return parser


if __name__ == "__main__":
    sys.exit(main())
