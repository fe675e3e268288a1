"""The transport of an MCP server is chosen on its command line; the servers' own tests see it served."""

import argparse

import pytest

from chimera_serving.mcp_server import add_transport


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_transport(parser, port=8801)
    return parser.parse_args(arguments)


def test_it_speaks_over_stdio_or_on_loopback_unless_told() -> None:
    options = parsed()
    assert (options.transport, options.host, options.port, options.allowed_host) == ("stdio", "127.0.0.1", 8801, [])
    options = parsed("--transport", "http", "--port", "0", "--allowed-host", "a", "--allowed-host", "b")
    assert (options.transport, options.port, options.allowed_host) == ("http", 0, ["a", "b"])


@pytest.mark.parametrize("wrong", [["--transport", "pigeon"], ["--port", "99999"]])
def test_what_it_cannot_do_ends_the_start(wrong: list[str]) -> None:
    with pytest.raises(SystemExit):
        parsed(*wrong)
