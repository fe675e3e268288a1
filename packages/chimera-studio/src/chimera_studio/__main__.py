"""Run the media studio as an MCP server: `python -m chimera_studio --out DIR`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from chimera_serving.mcp_server import add_transport, serve
from chimera_studio.server import build_server
from chimera_studio.studio import Studio


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until end of input (stdio) or a signal; 2 when it cannot start."""
    options = _parser().parse_args(arguments)
    try:
        serve(build_server(Studio(options.out)), options)
    except OSError as error:
        print(f"cannot serve: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chimera_studio", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the files, made when missing")
    add_transport(parser, port=8804)
    return parser


if __name__ == "__main__":
    sys.exit(main())
