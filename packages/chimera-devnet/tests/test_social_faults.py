"""The fault switch: each fault leaves the caller in the doubt it is meant to, and the network consistent."""

import os
import sys
from pathlib import Path

import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp_types import REQUEST_TIMEOUT, CallToolResult, TextContent

from chimera_devnet.social import faults
from chimera_devnet.social.faults import Fault, Mode, Switch
from chimera_devnet.social.network import Network
from chimera_devnet.social.server import build_server

TWEET = {"account": "nova", "text": "Hello", "idempotency_key": "k1"}
KEY = {"account": "nova", "idempotency_key": "k1"}


def process(folder: Path, fault: str) -> StdioServerParameters:
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "chimera_devnet.social", "--db", str(folder / "social.db"), "--fault", fault],
        env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )


async def found(client: Client) -> bool:
    result = await client.call_tool("find_by_idempotency_key", KEY, read_timeout_seconds=30)
    assert isinstance(result.structured_content, dict)
    return bool(result.structured_content["found"])


def replayed(result: CallToolResult) -> bool:
    assert isinstance(result.structured_content, dict), result.content
    return bool(result.structured_content["replayed"])


def test_the_switch_is_read_strictly() -> None:
    assert faults.parse("") is None
    assert faults.parse("error_500:2") == Fault(Mode.ERROR_500, 2)
    assert faults.parse("error_429:2:0.4") == Fault(Mode.ERROR_429, 2, "0.4")
    for wrong in ("error_500", "error_500:0", "error_500:x", "sulk:1", "error_500:1001"):
        with pytest.raises(ValueError, match=r"number of calls|valid Mode"):
            faults.parse(wrong)
    for wrong in ("error_500:1:0.4", "error_429:1:soon", "error_429:1:0.4:1"):
        with pytest.raises(ValueError, match="seconds for error_429 only"):
            faults.parse(wrong)


async def said(client: Client, tool: str = "post_tweet", **given: object) -> str:
    content = (await client.call_tool(tool, {**TWEET, **given})).content[0]
    assert isinstance(content, TextContent)
    return content.text


async def test_a_429_says_for_how_long_where_it_is_told_to(tmp_path: Path) -> None:
    network, switch = Network(tmp_path / "social.db", seed=7), tmp_path / "faults"
    switch.write_text("error_429:1:0.4\nerror_429:1")
    async with Client(build_server(network, faults.parse(f"@{switch}"))) as client:
        assert "error_429: too many requests, retry_after: 0.4 (fault switch)" in await said(client)
        assert "error_429: too many requests (fault switch)" in await said(client)
        assert not replayed(await client.call_tool("post_tweet", TWEET))
    network.close()


THREAD = {"account": "nova", "posts": ["one", "two", "three", "four", "five"], "idempotency_key": "k1"}


async def test_a_thread_that_is_cut_is_half_there_and_its_receipt_says_so(tmp_path: Path) -> None:
    network = Network(tmp_path / "social.db", seed=7)
    async with Client(build_server(network, faults.parse("partial_thread:1"))) as client:
        assert not replayed(await client.call_tool("post_tweet", {**TWEET, "idempotency_key": "k0"}))
        single = {**THREAD, "posts": ["alone"], "idempotency_key": "k2"}
        assert not replayed(await client.call_tool("create_thread", single))
        first = (await client.call_tool("create_thread", THREAD)).structured_content
        again = await client.call_tool("create_thread", THREAD)
        whole = (await client.call_tool("create_thread", {**THREAD, "idempotency_key": "k3"})).structured_content
    assert first is not None
    assert whole is not None
    assert [network.post(number).text for number in first["ids"]] == ["one", "two"]
    assert replayed(again)
    assert again.structured_content is not None
    assert again.structured_content["ids"] == first["ids"]
    assert len(whole["ids"]) == 5
    network.close()


async def test_a_process_that_dies_over_half_a_thread_has_a_receipt_for_that_half(tmp_path: Path) -> None:
    async with Client(process(tmp_path, "partial_die:1")) as client:
        with pytest.raises(MCPError, match="Connection closed"):
            await client.call_tool("create_thread", THREAD, read_timeout_seconds=30)
    async with Client(process(tmp_path, "partial_die:1")) as client:
        receipt = (await client.call_tool("find_by_idempotency_key", KEY, read_timeout_seconds=30)).structured_content
        assert receipt is not None
        assert (receipt["found"], len(receipt["ids"])) == (True, 2)


async def test_only_the_fault_that_cut_a_thread_goes_on_to_die(tmp_path: Path) -> None:
    network, switch = Network(tmp_path / "social.db", seed=7), tmp_path / "faults"
    switch.write_text("partial_thread:1\npartial_die:1")
    async with Client(build_server(network, faults.parse(f"@{switch}"))) as client:
        assert not (await client.call_tool("create_thread", THREAD)).is_error
    assert network.count(Mode.PARTIAL_DIE, 1)
    network.close()


async def test_an_error_500_fails_the_first_calls_before_anything_is_written(tmp_path: Path) -> None:
    network = Network(tmp_path / "social.db", seed=7)
    async with Client(build_server(network, Fault(Mode.ERROR_500, 2))) as client:
        for _ in range(2):
            result = await client.call_tool("post_tweet", TWEET)
            assert result.is_error
            assert isinstance(result.content[0], TextContent)
            assert "error_500" in result.content[0].text
            assert not await found(client)
        assert not replayed(await client.call_tool("post_tweet", TWEET))
    network.close()


async def test_faults_in_a_file_come_and_go_while_the_network_serves(tmp_path: Path) -> None:
    network, switch = Network(tmp_path / "social.db", seed=7), tmp_path / "faults"
    fault = faults.parse(f"@{switch}")
    assert fault == Switch(switch)
    async with Client(build_server(network, fault)) as client:
        assert not (await client.call_tool("post_tweet", {**TWEET, "idempotency_key": "k0"})).is_error
        switch.write_text("error_429:2\nerror_500:1\n")
        said = []
        for _ in range(4):
            content = (await client.call_tool("post_tweet", TWEET)).content[0]
            assert isinstance(content, TextContent)
            said += [mode for mode in Mode if mode.value in content.text]
        assert said == [Mode.ERROR_429, Mode.ERROR_429, Mode.ERROR_500]
        switch.write_text("error_429:3")
        assert (await client.call_tool("post_tweet", TWEET)).is_error
        switch.write_text("")
        assert replayed(await client.call_tool("post_tweet", TWEET))
    network.close()


async def test_a_timeout_after_accept_leaves_the_post_to_be_found(tmp_path: Path) -> None:
    network = Network(tmp_path / "social.db", seed=7)
    async with Client(build_server(network, Fault(Mode.TIMEOUT_AFTER_ACCEPT, 1))) as client:
        with pytest.raises(MCPError) as caught:
            await client.call_tool("post_tweet", TWEET, read_timeout_seconds=0.5)
        assert caught.value.code == REQUEST_TIMEOUT
        assert await found(client)
        assert replayed(await client.call_tool("post_tweet", TWEET))
    network.close()


async def test_a_hanging_process_times_out_and_still_leaves_on_end_of_input(tmp_path: Path) -> None:
    async with Client(process(tmp_path, "timeout_after_accept:1")) as client:
        assert not await found(client)
        with pytest.raises(MCPError) as caught:
            await client.call_tool("post_tweet", TWEET, read_timeout_seconds=1)
        assert caught.value.code == REQUEST_TIMEOUT
        assert await found(client)


@pytest.mark.parametrize(("fault", "accepted"), [("die_after_accept:1", True), ("die_before_accept:1", False)])
async def test_a_process_that_dies_is_a_closed_connection_once_across_restarts(
    tmp_path: Path, fault: str, accepted: bool
) -> None:
    async with Client(process(tmp_path, fault)) as client:
        with pytest.raises(MCPError, match="Connection closed"):
            await client.call_tool("post_tweet", TWEET, read_timeout_seconds=30)
    async with Client(process(tmp_path, fault)) as client:
        assert await found(client) is accepted
        result = await client.call_tool("post_tweet", TWEET, read_timeout_seconds=30)
        assert replayed(result) is accepted
