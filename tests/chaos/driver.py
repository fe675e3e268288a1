"""A storm over a fleet: work comes in, and meanwhile everything that can die, freeze, forget or lie does so.

What happens when is drawn from a seed before it begins, so that a failure can be brought about again.
"""

import asyncio
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
from tests.chaos.assertions import ORDER, unfinished
from tests.chaos.chaos_setup import LastingPostgres, LastingRedis, Network
from tests.chaos.crew import Crew, Hand
from tests.journeys.fleet import LIMITLESS, Fleet, Json, brief, dispatch, open_fleet, soul, until

from chimera.database.migrations import migrate
from chimera.settings import Settings
from chimera.values import KeyRole
from chimera.wiring import System

LEASE_S = 2.0
REST_S = 120.0
"""How long the fleet may take to do what is left; what piles up grows with the length of the storm besides."""

PATIENCE_S = 0.7
"""What a network without room asks for."""
ROLES = {"planner": 1, "worker": 3, "judge": 2, "publisher": 2}
PERSONAS = ("Ada", "Bela", "Cleo", "Dora")
THINGS = ("sundials", "lighthouses", "canals", "atlases", "looms", "observatories", "bridges", "archives", "tramways")
READER = "TechInfluencer"
STUDIES = ("AI history", "databases", "certificates", "languages that last", "open standards")
PLACES = ("Lisbon", "Kyoto", "Tartu", "Accra", "Oslo", "Quito", "Bern", "Hanoi", "Turin", "Perth", "Lagos", "Cusco")
POLICY = {**LIMITLESS, "bounds": {"approve": 0.35, "review": 0.30}, "near_duplicate": 1.0}
OFFER = {"token_amount": "1 USDC", "purpose": "reach", "wallet": "0x" + "ab" * 20}
DISASTERS = (
    *(f"kill {role}" for role in ("worker", "worker", "judge", "publisher", "publisher", "planner")),
    *(f"freeze {role}" for role in ("worker", "judge", "publisher")),
    *("postgres dies", "postgres restarts", "redis dies", "redis forgets"),
    *("network timeout_after_accept", "network error_500", "network error_429"),
    *("network die_after_accept", "network die_before_accept", "network reset"),
    *("network partial_thread", "network partial_die", f"network error_429 {PATIENCE_S}"),
)


@dataclass(frozen=True)
class Strike:
    """One disaster: when, what, and a roll of the dice for its details."""

    at: float
    what: str
    roll: float

    def __str__(self) -> str:
        return f"{self.at:7.2f} s  {self.what} ({self.roll:.3f})"


def schedule(seed: int, seconds: float) -> list[Strike]:
    """Every kind of disaster at least once, spread over the time; more rounds of them in a long storm."""
    dice = random.Random(seed)
    rounds = max(1, round(seconds / 20))
    whats = [what for _ in range(rounds) for what in dice.sample(DISASTERS, len(DISASTERS))]
    gap = seconds / len(whats)
    return [Strike((turn + dice.random()) * gap, what, dice.random()) for turn, what in enumerate(whats)]


@dataclass
class Storm:
    """A fleet on grounds of its own, and what befalls it."""

    seed: int
    seconds: float
    fleet: Fleet
    crew: Crew
    postgres: LastingPostgres
    redis: LastingRedis
    network: Network
    happened: list[str] = field(default_factory=list)
    accepted: int = 0
    begun: float = 0.0
    rested: float = 0.0
    _doubted: set[str] = field(default_factory=set)
    _repairing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def rage(self) -> None:
        """Work and disasters, to the end of both; then nothing is done but what is left to do."""
        self.begun = time.monotonic()
        keeping = asyncio.create_task(self.network.keep())
        try:
            async with asyncio.TaskGroup() as raging:
                raging.create_task(self._bring_work())
                for strike in schedule(self.seed, self.seconds):
                    raging.create_task(self._strike(strike))
            self.network.heal()
            self._note("the storm is over")
            raw = self.fleet.raw = await asyncpg.connect(self.fleet.system.settings.database_url)
            await until(lambda: unfinished(raw), lambda rows: not rows, REST_S + self.seconds)
            self.rested = time.monotonic() - self.begun
            self._note("everything is at rest")
        finally:
            keeping.cancel()

    def report(self) -> str:
        """What happened, for whoever has to find out why."""
        codes = [f"{hand.name}: {hand.codes}" for hand in self.crew.hands.values()]
        deaths = f"the network died {self.network.deaths} times"
        told = [f"seed {self.seed}, {self.seconds:g} s, {self.accepted} orders taken", *self.happened, *codes, deaths]
        return "\n".join([*told, self.crew.tails()])

    def _note(self, what: str) -> None:
        self.happened.append(f"{time.monotonic() - self.begun:7.2f} s  {what}")

    async def _bring_work(self) -> None:
        """Orders from outside, evenly over the storm; what was not taken is sent again, as a caller does."""
        orders = list(work(self.seed, self.seconds))
        for turn, (path, body) in enumerate(orders):
            await _pause(self.begun + self.seconds * turn / len(orders) - time.monotonic())
            await until(lambda path=path, body=body: self._order(path, body), bool, REST_S)
            self.accepted += 1

    async def _order(self, path: str, body: Json) -> bool:
        headers = {"Authorization": f"Bearer {self.fleet.keys[KeyRole.OPERATOR]}"}
        answer = await self.fleet.client.post(path, json=body, headers=headers)
        if answer.status_code == 409 and body.get("name") in self._doubted:
            return True  # it was taken, and the answer was lost
        if answer.status_code == 503 and "name" in body:
            self._doubted.add(body["name"])
        if answer.status_code not in (200, 201, 202, 429, 503):
            raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:500]}")
        return answer.status_code < 300

    async def _strike(self, strike: Strike) -> None:
        await _pause(self.begun + strike.at - time.monotonic())
        self._note(strike.what)
        kind, _, how = strike.what.partition(" ")
        act: Mapping[str, Callable[[str, float], Awaitable[object]]] = {
            "kill": self._kill,
            "freeze": self._freeze,
            "postgres": self._postgres,
            "redis": self._redis,
            "network": self._network,
        }
        await act[kind](how, strike.roll)
        if kind in ("freeze", "postgres", "redis"):
            self._note(f"    that is over: {strike.what}")

    async def _kill(self, role: str, roll: float) -> None:
        self._one(role, roll).signal(signal.SIGKILL)

    async def _freeze(self, role: str, roll: float) -> None:
        hand = self._one(role, roll)
        pid = hand.pid
        if hand.signal(signal.SIGSTOP):
            await _pause(LEASE_S * (1.3 + roll))
        if hand.pid == pid:
            hand.signal(signal.SIGCONT)

    def _one(self, role: str, roll: float) -> Hand:
        return self.crew.hands[f"{role}-{1 + int(roll * ROLES[role])}"]

    async def _postgres(self, how: str, roll: float) -> None:
        async with self._repairing:
            await (self.postgres.crash() if how == "dies" else self.postgres.stop())
            await _pause(roll)
            await self.postgres.start()

    async def _redis(self, how: str, roll: float) -> None:
        async with self._repairing:
            if how == "forgets":
                await self.fleet.system.redis.flushall()
            else:
                await self.redis.crash()
                await _pause(roll)
                await self.redis.start()

    async def _network(self, how: str, roll: float) -> None:
        if how == "reset":
            await self.network.stop()
        else:
            mode, _, seconds = how.partition(" ")
            times = 1 if "die" in mode else 1 + int(3 * roll)
            self.network.fail(mode, times, seconds)


def work(seed: int, seconds: float) -> Iterator[tuple[str, Json]]:
    """What the fleet is told to do, as calls: more than 200 tasks, a quarter of them in campaigns."""
    dice = random.Random(f"work {seed}")
    rounds = max(1, round(seconds / 20))
    orders: list[tuple[str, Json]] = []
    for number in range(160 * rounds):
        threaded = number % 16 == 0
        topic = dice.choice(STUDIES) if threaded else _topic(dice)
        parameters: Json = {"topic": topic, **({"length": "3 tweets"} if threaded else {})}
        # Only who reads has enough to tell for a thread; who may not name its subject is refused and tries again.
        persona = READER if threaded else dice.choice(PERSONAS)
        barred = [parameters["topic"].split()[0]] if number % 12 == 1 else []
        changes: Json = {
            "context": {"persona": persona, "goal": f"Tell of {parameters['topic']}"},
            "parameters": parameters,
            "constraints": {"prohibited_keywords": barred},
        }
        action = "create_thread" if threaded else "post_tweet"
        orders.append(("/v1/tasks", dispatch(f"{ORDER}{number}", action, **changes)))
    for number in range(5 * rounds):
        changes = {
            "persona": dice.choice(PERSONAS),
            "name": f"Campaign {number}",
            "goal": f"Tell of {_topic(dice)}",
            "deliverables": [{"count": 8, "topics": [_topic(dice) for _ in range(8)]}],
            "promotions": [OFFER, OFFER],
            "sources": [],
            "autostart": True,
        }
        orders.append(("/v1/campaigns", brief(**changes)))
    for number in range(rounds):
        threads = {"action": "create_thread", "length": 4, "count": 3, "topics": dice.sample(STUDIES, 3)}
        changes = {"persona": READER, "name": f"Threads {number}", "deliverables": [threads], "autostart": True}
        orders.append(("/v1/campaigns", brief(**changes)))
    dice.shuffle(orders)
    yield from orders


def _topic(dice: random.Random) -> str:
    return f"{dice.choice(THINGS)} of {dice.choice(PLACES)}"


async def _pause(seconds: float) -> None:
    """The storm has a clock of its own."""
    with suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, seconds)):
            await asyncio.Event().wait()


@asynccontextmanager
async def storm_over(state: Path, crew: Crew, seed: int, seconds: float) -> AsyncIterator[Storm]:
    """A fleet at work on grounds of its own, before the storm."""
    place = state / "chimera"
    place.mkdir()
    postgres, redis, network = LastingPostgres(state / "postgres"), LastingRedis(state / "redis"), Network(place)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(network.stop)
        stack.push_async_callback(postgres.stop)
        stack.push_async_callback(redis.stop)
        database_url, redis_url, _ = await asyncio.gather(postgres.start(), redis.start(), network.start())
        await migrate(database_url)
        settings = Settings(
            state=place,
            database_url=database_url,
            redis_url=redis_url,
            wallets=False,
            lease_seconds=LEASE_S,
            concurrency=8,
        )
        settings = settings.model_copy(update={"mcp_config": network.config(settings, "http", url=network.url)})
        system = System(settings)
        await system.open()
        stack.push_async_callback(system.close)
        fleet = await open_fleet(system, None, "storm", "host")
        stack.push_async_callback(fleet.client.aclose)
        await fleet.put("/v1/policy", POLICY)
        for name in PERSONAS:
            await fleet.post("/v1/personas", {"source": soul(f"{name.lower()}_storm", name, sources=False)}, 201)
        stack.push_async_callback(crew.dismiss)
        await _man(crew, settings, network)
        yield Storm(seed, seconds, fleet, crew, postgres, redis, network)


async def _man(crew: Crew, settings: Settings, network: Network) -> None:
    """All role processes; one Publisher reaches the network over HTTP, the other one over a pipe."""
    piped = network.config(settings, "pipe", command=sys.executable, args=network.arguments)
    for role, count in ROLES.items():
        for number in range(1, count + 1):
            own = {"mcp_config": piped} if (role, number) == ("publisher", 1) else {}
            await crew.add(f"{role}-{number}", role, settings.model_copy(update=own))
