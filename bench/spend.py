"""Authorisations a second: on one hot budget, and on a thousand."""

from collections.abc import Sequence
from functools import partial

from bench.arena import Arena
from bench.contest import Contestant, Figures, Size, failures, hold
from bench.report import number, percent, ratio, table

MANY = 1_000
# Name, kind, program with what comes before the counts, whether it needs Chimera's schema.
ENTRIES: Sequence[tuple[str, str, str, bool]] = (
    ("Chimera", "chimera", "bench.programs.spend_chimera", True),
    ("Redis counter + SQL insert", "peer", "bench.programs.spend_peers naive", False),
    ("one row locked and updated", "limit", "bench.programs.spend_peers raw", False),
)


async def contest(arena: Arena, size: Size) -> str:
    """Hold it; its part of the results."""

    async def run(program: str, schema: bool, budgets: int) -> Figures:
        environment = await arena.fresh(schema=schema)
        arguments = [*program.split(), str(size.spends), str(budgets)]
        return await arena.run(arguments, environment, seconds=120)

    told = [HEAD.format(spends=size.spends)]
    for title, budgets in (("one hot budget", 1), (f"{MANY:,} budgets", MANY)):
        contestants = [
            Contestant(f"{name}, {title}", partial(run, program, schema, budgets), kind)
            for name, kind, program, schema in ENTRIES
        ]
        await hold(contestants, size.rounds)
        told.append(_told(contestants))
    return "\n".join(told)


def _told(contestants: Sequence[Contestant]) -> str:
    medians = {one.kind: one.median("per_second") for one in contestants}
    rows = [
        [
            one.name,
            number(one.median("per_second")),
            ratio(one.median("per_second"), medians["peer"]),
            percent(one.median("per_second"), medians["limit"]),
            *(number(one.median(key), 2) for key in ("own_ms", "postgres_ms", "redis_ms")),
        ]
        for one in contestants
    ]
    head = ["", "spends/s", "x Redis + SQL", "of the locked row", "CPU, ms", "of PostgreSQL, ms", "of Redis, ms"]
    return f"{table(head, rows)}\n{failures(contestants)}"


HEAD = """## spend: authorisations

{spends} requests of 1 USDC from one process. Chimera: `Treasury.authorise`, 256 at once, with everything that it
makes durable for each: tenant, campaign and daily limits weighed under a lock and held by a CHECK, reservation with
its idempotency key, ledger transaction with two postings, hash-chained event, audit event. *One row locked and
updated* is the least that a budget in PostgreSQL can be: a single-row UPDATE with its CHECK, over 8 connections, and
nothing else written. *Redis counter + SQL insert* is what is often built: it forgets its counters with Redis, and
what it counted without having written when the process dies. CPU is for each request.
"""
