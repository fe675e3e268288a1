"""Attacks on a tenant's money by real processes at once, some killed with -9: never a unit too much, none lost."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import pytest
from tests.money.proofs import Books, proven

from chimera.accounts.service import AccountService
from chimera.campaigns.service import CampaignService
from chimera.campaigns.types.brief import Brief
from chimera.database.postgres import Access, Database
from chimera.fleet.service import FleetService
from chimera.fleet.types.processes import ProcessHeartbeat
from chimera.ids import new_id
from chimera.money.service.limits import set_limits
from chimera.money.types.limits import AnomalyRules, Limit
from chimera.personas.types.policy import Policy
from chimera.tasks.service.work import WorkService
from chimera.tasks.types.messages import Lease
from chimera.values import Role, Stage

T = TypeVar("T")
Said = dict[str, Any]

ROOT = Path(__file__).parents[2]
SPENDER = Path(__file__).with_name("spender.py")
BOUND_S = 60
SOUL = "---\nid: Nora\nname: Nora\naccount: nora\nvoice_traits: [calm]\ndirectives: [Be kind.]\n---\n# Nora\n"


class Crowd:
    """Processes that start together: each says that it is ready, and none begins before all have."""

    def __init__(self, plans: list[dict[str, Any]]) -> None:
        self.said: list[list[Said]] = [[] for _ in plans]
        self._grown = threading.Condition()
        self.processes = [
            subprocess.Popen(
                [sys.executable, str(SPENDER)],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in plans
        ]
        self._readers = [threading.Thread(target=self._read, args=(n,), daemon=True) for n in range(len(plans))]
        for reader in self._readers:
            reader.start()
        for process, plan in zip(self.processes, plans, strict=True):
            self._tell(process, json.dumps(plan))
        self.wait_for(lambda: all(self.said))
        for process in self.processes:
            self._tell(process, "go")

    def _tell(self, process: subprocess.Popen[str], line: str) -> None:
        assert process.stdin is not None
        process.stdin.write(f"{line}\n")
        process.stdin.flush()

    def _read(self, number: int) -> None:
        stream = self.processes[number].stdout
        assert stream is not None
        for line in stream:
            if line.endswith("\n"):  # a line that death cut off was not said
                with self._grown:
                    self.said[number].append(json.loads(line))
                    self._grown.notify_all()

    def wait_for(self, seen: Callable[[], object]) -> None:
        with self._grown:
            assert self._grown.wait_for(seen, timeout=BOUND_S), self.said

    def kill_after(self, lines: int) -> None:
        """Kill all of them with -9 once so many things were said."""
        self.wait_for(lambda: sum(map(len, self.said)) >= lines)
        for process in self.processes:
            process.kill()
        self.end()

    def end(self) -> list[int]:
        """Wait for the end of all; how each ended."""
        codes = [process.wait(timeout=BOUND_S) for process in self.processes]
        for reader in self._readers:
            reader.join(timeout=BOUND_S)
        return codes

    def finish(self) -> list[Said]:
        """All that was said, by processes that ended well."""
        assert self.end() == [0] * len(self.processes)
        return self.told()

    def told(self) -> list[Said]:
        return [said for each in self.said for said in each]

    def answers(self) -> list[Said]:
        return [said for said in self.told() if "granted" in said]


@dataclass
class Bank:
    """A tenant with one influencer, and what its money looks like."""

    url: str
    tenant_id: UUID
    agent_id: UUID
    campaign_id: UUID

    def plan(self, **given: Any) -> dict[str, Any]:
        return {"url": self.url, "tenant_id": str(self.tenant_id), "amount": "10 USDC", **given}

    def crowd(self, *plans: dict[str, Any]) -> Crowd:
        return Crowd([self.plan(**plan) for plan in plans])

    def books(self) -> Books:
        """The tenant's books, which hold."""

        async def look() -> Books:
            connection = await asyncpg.connect(self.url)
            try:
                return await proven(connection, self.tenant_id)
            finally:
                await connection.close()

        return asyncio.run(look())

    def limit(self, *limits: str, scope: str = "tenant", key: UUID | str | None = None) -> None:
        """Put limits like 'total 500 USDC' in force."""
        wanted = [
            Limit.model_validate(dict(zip(("span", "amount"), text.split(" ", 1), strict=True))) for text in limits
        ]

        async def put(database: Database) -> None:
            async with database.transaction() as connection:
                await set_limits(connection, self.tenant_id, scope, str(key or self.tenant_id), wanted, "operator:me")

        asyncio.run(within(self.url, put))


async def within(url: str, work: Callable[[Database], Coroutine[Any, Any, T]]) -> T:
    database = Database(url, Access.SWARM, size=2)
    await database.open()
    try:
        return await work(database)
    finally:
        await database.close()


@pytest.fixture
def bank(database_url: str) -> Iterator[Bank]:
    """A bank without rules about what is suspicious: these attacks are about limits."""

    async def make(database: Database) -> Bank:
        accounts = AccountService(database)
        tenant_id = await accounts.open_tenant("acme")
        await accounts.set_policy(tenant_id, Policy(anomalies=AnomalyRules(enabled=False)), "operator:me")
        nora = await accounts.import_persona(tenant_id, SOUL, "operator:me")
        return Bank(database_url, tenant_id, nora.agent_id, nora.campaign_id)

    yield asyncio.run(within(database_url, make))


def keys(name: str, count: int) -> list[str]:
    return [f"{name} {number}" for number in range(count)]


def granted(crowd: Crowd) -> int:
    return sum(said["granted"] for said in crowd.answers())


def test_ten_processes_at_once_spend_one_budget_to_the_last_unit(bank: Bank) -> None:
    bank.limit("total 500 USDC")
    crowd = bank.crowd(*({"keys": keys(f"p{n}", 12)} for n in range(10)))
    crowd.finish()
    assert (len(crowd.answers()), granted(crowd)) == (120, 50)
    assert bank.books().under("tenant") == (500, 0)


def test_of_a_thousand_wishes_from_four_processes_exactly_what_fits_passes(bank: Bank) -> None:
    bank.limit("total 5000 USDC")
    crowd = bank.crowd(*({"keys": keys(f"p{n}", 250), "width": 250} for n in range(4)))
    crowd.finish()
    assert (len(crowd.answers()), granted(crowd)) == (1_000, 500)
    assert bank.books().under("tenant") == (5_000, 0)


def test_two_limits_that_race_both_hold_to_the_last_unit(bank: Bank) -> None:
    """Half of the processes spend for the influencer, whose limit is lower; all of them for the tenant."""
    bank.limit("total 300 USDC", "day 300 USDC")
    bank.limit("total 200 USDC", scope="influencer", key=bank.agent_id)
    crowd = bank.crowd(
        *({"keys": keys(f"nora {n}", 30), "agent_id": str(bank.agent_id)} for n in range(3)),
        *({"keys": keys(f"house {n}", 4)} for n in range(3)),
    )
    crowd.finish()
    books = bank.books()
    assert books.under("tenant") == (300, 0)
    held, spent = books.under("influencer")
    assert 180 <= held <= 200  # the tenant's own processes take at most 12 of its 30
    assert spent == 0
    assert granted(crowd) == 30


def test_a_limit_that_is_lowered_while_it_is_spent_holds(bank: Bank) -> None:
    bank.limit("total 600 USDC")
    steps = [f"{amount} USDC" for amount in range(590, 90, -10)]
    crowd = bank.crowd(
        *({"keys": keys(f"p{n}", 25), "then": "all" if n else "void"} for n in range(3)), {"squeeze": steps}
    )
    told = crowd.finish()
    in_force = min([600, *(int(said["limit"].split()[0]) for said in told if "limit" in said)])
    books = bank.books()
    (row,) = [row for row in books.counters if row["currency"] == "USDC"]
    assert row["limit_amount"] == in_force
    assert row["reserved"] + row["spent"] <= in_force
    assert len([said for said in told if "limit" in said or "refused" in said]) == len(steps)
    assert books.of("posted", what="paid") == 10 * len(
        [said for said in told if "closed" in said and not said["key"].startswith("p0")]
    )


def test_another_currency_than_the_budgets_is_refused_by_everyone(bank: Bank) -> None:
    bank.limit("total 500 USDC")
    bank.limit("transaction 100 ETH", scope="influencer", key=bank.agent_id)
    crowd = bank.crowd(
        *(
            {"keys": keys(amount, 10), "amount": amount, "agent_id": agent}
            for amount in ("1 ETH", "0.01 USD", "1 EUR")
            for agent in (None, str(bank.agent_id))
        )
    )
    crowd.finish()
    assert {(said["granted"], said["mark"]) for said in crowd.answers()} == {(False, "No budget in this currency")}
    assert len(crowd.answers()) == 60
    books = bank.books()
    assert {row["status"] for row in books.states} == {"refused"}
    assert books.counters == []


def test_calls_that_are_said_to_cost_nothing_do_not_get_round_the_budget(bank: Bank) -> None:
    """A provider that reports a cost of zero: every call keeps what was reserved for it, and so they end."""
    bank.limit("total 20 USD", "day 1000 COMPUTE")

    async def claim(database: Database) -> str:
        process_id = new_id()
        await FleetService(database).mark(
            ProcessHeartbeat(process_id=process_id, role=Role.PLANNER, host="here", pid=1)
        )
        brief = Brief.model_validate(
            {
                "persona": "Nora",
                "name": "Look up",
                "goal": "Get people to look up",
                "strategy": ["gently"],
                "budget": [{"span": "total", "amount": "1000 USD"}],
            }
        )
        campaigns = CampaignService(database)
        campaign_id = await campaigns.create(bank.tenant_id, brief, "operator:me")
        plan_id = await campaigns.plan(bank.tenant_id, campaign_id, "operator:me")
        lease = Lease(id=plan_id, stream="s", entry="1-0", redelivered=False)
        (task,) = await WorkService(database).claim([lease], process_id, Stage.PLAN)
        return task.model_dump_json()

    task = asyncio.run(within(bank.url, claim))
    crowd = bank.crowd(
        *({"task": task, "amount": "0.5 USD", "attempts": list(range(100 * n, 100 * n + 15))} for n in range(4))
    )
    crowd.finish()
    assert (len(crowd.answers()), granted(crowd)) == (60, 40)
    assert bank.books().under("tenant", "USD") == (20, 0)


def test_ten_processes_that_send_one_key_reserve_once(bank: Bank) -> None:
    """A decision that was made once is made: whoever replays it gets the same one and no second amount."""
    bank.limit("total 500 USDC")
    crowd = bank.crowd(*({"keys": ["task-1"] * 5, "then": "6.5"} for _ in range(10)))
    crowd.finish()
    assert len({(said["id"], said["mark"]) for said in crowd.answers()}) == 1
    books = bank.books()
    assert [(row["status"], row["amount"], float(row["paid"])) for row in books.states] == [("posted", 10, 6.5)]


def test_processes_that_are_killed_in_mid_flight_lose_nothing_and_pay_nothing_twice(bank: Bank) -> None:
    bank.limit("total 300 USDC")
    plans = [{"keys": keys("k", 60)[n * 10 :], "then": "4.5", "width": 3} for n in range(4)]
    answers: dict[str, set[tuple[bool, str, str]]] = defaultdict(set)
    closed: set[str] = set()
    for lines in (10, 30, 50):
        crowd = bank.crowd(*plans)
        crowd.kill_after(lines)
        note(crowd, answers, closed)
        remembered(bank.books(), answers, closed)
    crowd = bank.crowd(*plans)
    crowd.finish()
    note(crowd, answers, closed)
    books = bank.books()
    remembered(books, answers, closed)
    assert len(answers) == 60
    assert books.of("pending") == 0
    assert books.of("posted", what="paid") == Fraction("4.5") * len(closed)
    assert len(closed) >= 30


MOMENTS = [(moment, count) for moment in ("before commit", "after commit") for count in range(1, 5)]


def test_a_process_may_die_before_and_after_every_commit(bank: Bank) -> None:
    """One life per moment: authorise, settle, authorise, settle. Each is gone on with by a process that lives."""
    bank.limit("total 500 USDC")
    mortals = [
        {"keys": keys(f"{moment} {count}", 2), "then": "7", "width": 1, "die": [moment, count]}
        for moment, count in MOMENTS
    ]
    crowd = bank.crowd(*mortals)
    assert crowd.end() == [-9] * len(MOMENTS)
    answers: dict[str, set[tuple[bool, str, str]]] = defaultdict(set)
    closed: set[str] = set()
    note(crowd, answers, closed)
    books = bank.books()
    remembered(books, answers, closed)
    states = {row["key"]: row["status"] for row in books.states}
    for moment, count in MOMENTS:
        committed = count - (moment == "before commit")
        found = [states.get(key) for key in keys(f"{moment} {count}", 2)]
        assert (
            found
            == [
                [None, None],
                ["pending", None],
                ["posted", None],
                ["posted", "pending"],
                ["posted", "posted"],
            ][committed]
        ), (moment, count)
    again = bank.crowd(*({**plan, "die": None} for plan in mortals))
    again.finish()
    note(again, answers, closed)
    books = bank.books()
    remembered(books, answers, closed)
    assert [row["status"] for row in books.states] == ["posted"] * 16
    assert books.under("tenant") == (0, 7 * 16)


def note(crowd: Crowd, answers: dict[str, set[tuple[bool, str, str]]], closed: set[str]) -> None:
    for said in crowd.told():
        if "granted" in said:
            answers[said["key"]].add((said["granted"], said["id"], said["mark"]))
        elif "closed" in said:
            closed.add(said["closed"])


def remembered(books: Books, answers: dict[str, set[tuple[bool, str, str]]], closed: set[str]) -> None:
    """Whatever a process was told is in the books, and every key has had one answer."""
    kept = {row["key"]: row for row in books.states}
    for key, told in answers.items():
        ((was_granted, id, mark),) = told
        row = kept[key]
        assert (str(row["reservation_id"]), row["status"] != "refused") == (id, was_granted)
        if was_granted:
            assert row["verification"] == mark
    states = {str(row["reservation_id"]): row["status"] for row in books.states}
    assert {states[id] for id in closed} <= {"posted"}
