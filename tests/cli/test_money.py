"""Money from the command line, against the real API on a real port."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_remote import chimera

from chimera.money.types.limits import Limit
from chimera.personas.types.policy import Policy
from chimera.values import KeyRole
from chimera.wiring import System

WALLET = "0xABCDEF1234567890"


async def limited(system: System, amount: str = "200 USDC") -> Any:
    """The tenant, with a limit for a day."""
    tenant_id = await system.accounts.open_tenant(system.settings.tenant)
    await system.accounts.set_policy(tenant_id, Policy(limits=[Limit(span="day", amount=amount)]), "operator:other")
    return tenant_id


async def authorised(system: System, amount: str = "50 USDC") -> str:
    """Money that was granted by the command, under its hash."""
    answer = await chimera("authorize", amount, WALLET, "Campaign ad spend")
    assert answer.exit_code == 0, answer.output
    tenant_id = await system.accounts.open_tenant(system.settings.tenant)
    newest = (await system.reads.spends(tenant_id, 1)).items[0].answer
    assert newest["budget_verification_hash"] in answer.output
    return str(newest["budget_verification_hash"])


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith("books")]


def bean_check(file: Path) -> int:
    return subprocess.run([Path(sys.executable).with_name("bean-check"), file], check=False).returncode


async def test_what_was_authorised_is_settled_and_shows_in_the_books(served: System) -> None:
    await limited(served)
    mark = await authorised(served)
    settled = await chimera("settle", mark, "--amount", "12.5 USDC", "--reference", "invoice 7")
    assert (settled.exit_code, "12.5 USDC" in settled.output) == (0, True)
    shown = await chimera("books", "show")
    assert "general" in shown.output
    assert "-12.5" in shown.output
    told = json.loads((await chimera("books", "show", "--from", "2020-01-01", "--to", "2020-01-31", "--json")).output)
    assert (told["first"], told["statements"]) == ("2020-01-01", [])
    assert "12.5" in (await chimera("books", "burn")).output
    again = await chimera("settle", mark)
    assert (again.exit_code, "settled with 12.5 USDC" in again.output) == (1, True)


async def test_what_is_not_needed_is_voided(served: System) -> None:
    await limited(served)
    answer = await chimera("void", await authorised(served), "--json")
    assert json.loads(answer.output)["status"] == "voided"


async def test_limits_are_listed_and_their_changes_decided(served: System, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant_id = await limited(served)
    await limited(served, "900 USDC")
    assert "200" in (await chimera("limits")).output
    assert json.loads((await chimera("limits", "--json")).output)
    (change,) = json.loads((await chimera("limits", "changes", "--json")).output)["items"]
    monkeypatch.setenv("CHIMERA_KEY", await served.accounts.add_key(tenant_id, "other", KeyRole.OPERATOR))
    own = await chimera("limits", "confirm", change["change_id"])
    assert (own.exit_code, "second operator" in own.output) == (1, True)
    monkeypatch.delenv("CHIMERA_KEY")
    assert (await chimera("limits", "confirm", change["change_id"])).exit_code == 0
    assert "900" in (await chimera("limits")).output
    assert (await chimera("limits", "withdraw", change["change_id"])).exit_code == 1


async def test_flags_are_listed_and_decided(served: System) -> None:
    await limited(served)
    for _ in range(8):
        await authorised(served, "1 USDC")
    assert (await chimera("authorize", "60 USDC", WALLET, "Front page")).exit_code == 1
    assert "Front page" in (await chimera("flags", "list")).output
    (flag,) = json.loads((await chimera("flags", "list", "--json")).output)["items"]
    assert (await chimera("flags", "dismiss", flag["flag_id"])).exit_code == 0
    assert (await chimera("flags", "accept", flag["flag_id"])).exit_code == 1


async def test_a_spend_in_doubt_is_found_and_closed(served: System) -> None:
    tenant_id = await limited(served)
    await authorised(served)
    (spend,) = (await served.reads.spends(tenant_id, 10)).items
    await served.treasury.mark_unknown(spend.reservation_id, "nobody answered")
    assert "nobody answered" in (await chimera("spends", "list", "--doubt")).output
    assert "50 USDC" in (await chimera("spends", "list")).output
    assert (await chimera("spends", "settle", str(spend.reservation_id), "--amount", "51 USDC")).exit_code == 1
    assert (await chimera("spends", "void", str(spend.reservation_id))).exit_code == 0


@pytest.mark.parametrize("format", ["csv", "beancount", "evidence"])
async def test_the_books_are_exported_to_a_file_or_to_standard_output(
    served: System, tmp_path: Path, format: str
) -> None:
    await limited(served)
    await chimera("settle", await authorised(served))
    file = tmp_path / "books"
    assert (await chimera("books", "export", "--format", format, "--output", str(file))).exit_code == 0
    assert file.read_bytes() == (await chimera("books", "export", "--format", format)).stdout_bytes
    assert names(tmp_path) == ["books"]
    if format == "evidence":
        checked = await chimera("verify", "budget", str(file))
        assert (checked.exit_code, "chain holds" in checked.output) == (0, True)
    if format == "beancount":
        assert bean_check(file) == 0


async def test_an_export_that_is_refused_leaves_no_file(
    served: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHIMERA_KEY", "chm_nobody")
    file = tmp_path / "books"
    answer = await chimera("books", "export", "--format", "csv", "--output", str(file))
    assert answer.exit_code == 1
    assert names(tmp_path) == []
    monkeypatch.delenv("CHIMERA_KEY")
    answer = await chimera("books", "export", "--format", "csv", "--output", str(tmp_path / "nowhere" / "books"))
    assert (answer.exit_code, "cannot be written" in answer.output) == (1, True)
