"""A campaign's life in any order, with processes that die and zombies that write: every move is in the one table."""

import asyncio
import re
from importlib import resources
from pathlib import Path

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as within
from hypothesis.stateful import run_state_machine_as_test

from chimera.database.postgres import queries
from chimera.settings import Settings
from chimera.wiring import System
from tests.campaign_machine import Life
from tests.invariants import TABLES, WATCH

HOUSE = Path(str(resources.files("chimera")))
SUBJECTS = sorted(
    str(path.relative_to(HOUSE).with_suffix("")) for path in HOUSE.rglob("*.sql") if "schema" not in path.parts
)
MOST_SEEN = 26
"""Different moves that the lives are to have seen together, or they do not try hard enough."""
GUARD = re.compile(r"= \$\d+|= ANY\(\$\d+")
MOVING = re.compile(r"UPDATE (task|effect|campaign)\b(?: ([a-z]))?\s+SET (.*?)(?:\bRETURNING\b|;|\Z)", re.DOTALL)
TARGET = re.compile(r"\bstatus = (CASE\b.*?\bEND|'[a-z_]+'|\$\d+)", re.DOTALL)
LITERAL = re.compile(r"'([a-z_]+)'")


def test_no_life_makes_a_move_that_is_not_in_the_table(settings: Settings) -> None:
    slow = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    bounds = within(
        stateful_step_count=8,
        deadline=None,
        phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink a life takes longer than a test may
        suppress_health_check=slow,
    )
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        system = System(settings)
        raw = runner.run(asyncpg.connect(settings.database_url))
        runner.run(raw.execute(WATCH))
        runner.run(system.open())
        Life.system, Life.raw, Life.runner = system, raw, runner
        try:
            run_state_machine_as_test(Life, settings=bounds)
            sought = runner.run(raw.fetch("SELECT DISTINCT what, before, after FROM move WHERE before IS NOT NULL"))
        finally:
            runner.run(system.close())
            runner.run(raw.close())
        legal = {
            (what, old, str(new)) for what, table in TABLES.items() for old, after in table.items() for new in after
        }
    assert len(sought) >= MOST_SEEN, "\n".join(map(str, sorted(legal - {tuple(row) for row in sought})))


def moving() -> list[tuple[str, str, str, str, str]]:
    """Every statement that moves a task, an effect or a campaign: its name, the table, the new state, the guard."""
    found = []
    for subject in SUBJECTS:
        for name, text in queries(subject).items():
            plain = re.sub(r"--.*", "", text)
            for table, alias, rest in MOVING.findall(plain):
                changes, _, guard = rest.partition("WHERE")
                target = TARGET.search(changes)
                if target is not None:
                    found.append((f"{subject}/{name}", table, alias, target[1], guard))
    return found


def guards(alias: str, guard: str) -> tuple[set[str], bool]:
    """The states that a statement names as the ones to move from, and whether it is told further ones."""
    column = re.compile(rf"(?<![\w.]){alias}\.status" if alias else r"(?<![\w.])status")
    named: set[str] = set()
    told = False
    for match in column.finditer(guard):
        rest = guard[match.end() :].lstrip()
        if rest.startswith(("= '", "IN (")):
            named |= set(LITERAL.findall(rest[: rest.find(")") if rest.startswith("IN") else rest.find("'", 3) + 1]))
        told |= GUARD.match(rest) is not None
    return named, told


def moves_of(target: str, named: set[str]) -> set[tuple[str, str]]:
    """The moves that a statement has in it, as far as both ends are written there."""
    if not target.startswith("CASE"):
        return {(old, new) for new in LITERAL.findall(target) for old in named}
    chosen = dict(re.findall(r"WHEN '([a-z_]+)' THEN '([a-z_]+)'", target))
    other = re.search(r"ELSE '([a-z_]+)'", target)
    left = {(old, other[1]) for old in named - set(chosen)} if other is not None else set()
    return left | set(chosen.items())


def test_the_statements_that_move_something_are_known() -> None:
    names = {name for name, *_ in moving()}
    assert {
        "tasks/tasks/claim",
        "review/judging/commit",
        "tasks/tasks/orphaned",
        "publishing/effects/release_lost_claims",
    } <= names
    assert len(names) >= 20


@pytest.mark.parametrize(("name", "table", "alias", "target", "guard"), moving(), ids=lambda value: str(value)[:30])
def test_no_statement_has_a_list_of_legal_moves_of_its_own(
    name: str, table: str, alias: str, target: str, guard: str
) -> None:
    """What it says about moves is in the table too; the rest it is told by the table, as a guard."""
    named, told = guards(alias, guard)
    assert named or told, "a move without a guard"
    for old, new in moves_of(target, named):
        assert old == new or new in TABLES[table][old], f"{name}: {old} to {new}"


def test_the_reader_of_statements_finds_a_move_that_is_not_in_the_table() -> None:
    wrong = (
        "UPDATE task SET status = CASE status WHEN 'stale' THEN 'queued' ELSE 'failed' END"
        " WHERE status IN ('stale', 'pending')"
    )
    ((table, alias, rest),) = MOVING.findall(wrong)
    changes, _, guard = rest.partition("WHERE")
    target = TARGET.search(changes)
    assert target is not None
    assert guards(alias, guard) == ({"stale", "pending"}, False)
    assert moves_of(target[1], {"stale", "pending"}) == {("stale", "queued"), ("pending", "failed")}
    assert (table, alias) == ("task", "")
