"""Every named statement fits the schema and may be run by its role, and the hot ones find their rows by an index."""

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import asyncpg
import pytest

import chimera
from chimera.database import postgres as stores

HOUSE = Path(chimera.__file__).parent
SUBJECTS = sorted(
    path.relative_to(HOUSE).with_suffix("").as_posix()
    for path in HOUSE.rglob("*.sql")
    if not path.is_relative_to(HOUSE / "database" / "schema")
)
STATEMENTS = [(subject, name) for subject in SUBJECTS for name in stores.queries(subject)]
HOT = [
    ("tasks/tasks", "claim"),
    ("tasks/tasks", "submit"),
    ("tasks/tasks", "due"),
    ("publishing/effects", "due"),
    ("accounts/queries", "authenticate"),
    ("money/treasury", "known"),
    ("money/treasury", "pending"),
    ("money/treasury", "habits"),
]
LARGE = {"task", "effect", "api_key", "reservation"}
FILLING = re.compile(
    r"\bINSERT INTO\s+\w+(?:\s+AS\s+\w+)?\s*(\([^)]*\))?\s*SELECT\s+(?:DISTINCT\s+)?(.*?)\bFROM\b", re.DOTALL
)
"""A table that is filled from rows: its columns, if they are named, and what goes into them."""

STAR = re.compile(r"(?:^|,\s*)(?:\w+\.)?\*")


@pytest.fixture(scope="module")
def url(new_database: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    with new_database() as url:
        yield url


@pytest.fixture
async def connection(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Acts as the swarm; plans are made for any parameters, and read a whole table only where there is no index."""
    role = stores.Access.SWARM.value
    given = {"role": role, "enable_seqscan": "off", "plan_cache_mode": "force_generic_plan", "jit": "off"}
    connection = await asyncpg.connect(url, server_settings=given)
    yield connection
    await connection.close()


async def plan(connection: asyncpg.Connection, statement: str) -> dict[str, object]:
    """PREPARE the statement and EXPLAIN it; the server checks names, types and rights on the way."""
    await connection.execute(f"PREPARE tried AS {statement.removesuffix(';')}")
    count = await connection.fetchval(
        "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'tried'"
    )
    parameters = f"({', '.join(['NULL'] * count)})" if count else ""
    found: dict[str, object] = json.loads(
        await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE tried{parameters}")
    )[0]
    return found


def scanned(node: object) -> set[str]:
    """The tables that a plan reads from end to end."""
    if isinstance(node, list):
        return set().union(*map(scanned, node))
    if not isinstance(node, dict):
        return set()
    own = {str(node["Relation Name"])} if node.get("Node Type") == "Seq Scan" else set()
    return own.union(*map(scanned, node.values()))


@pytest.mark.parametrize(("subject", "name"), STATEMENTS, ids=[".".join(pair) for pair in STATEMENTS])
async def test_the_statement_fits_the_schema(connection: asyncpg.Connection, subject: str, name: str) -> None:
    assert await plan(connection, stores.queries(subject)[name])


@pytest.mark.parametrize(("subject", "name"), HOT, ids=[".".join(pair) for pair in HOT])
async def test_the_hot_statement_reads_no_table_from_end_to_end(
    connection: asyncpg.Connection, subject: str, name: str
) -> None:
    found = await plan(connection, stores.queries(subject)[name])
    assert not scanned(found) & LARGE


async def test_a_statement_without_an_index_is_noticed(connection: asyncpg.Connection) -> None:
    found = await plan(connection, "SELECT task_id FROM task WHERE cause = $1")
    assert scanned(found) == {"task"}


async def test_a_statement_that_does_not_fit_is_noticed(connection: asyncpg.Connection) -> None:
    with pytest.raises(asyncpg.UndefinedColumnError):
        await plan(connection, "SELECT colour FROM task")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await plan(connection, "DELETE FROM task")


def filled_by_position(statement: str) -> bool:
    """Whether a column more, or another order of them, would silently go into the wrong ones."""
    return any(each[1] is None or STAR.search(each[2]) is not None for each in FILLING.finditer(statement))


@pytest.mark.parametrize(("subject", "name"), STATEMENTS, ids=[".".join(pair) for pair in STATEMENTS])
def test_the_statement_names_the_columns_it_fills(subject: str, name: str) -> None:
    assert not filled_by_position(stores.queries(subject)[name])


@pytest.mark.parametrize(
    ("statement", "by_position"),
    [
        ("INSERT INTO leaf (a, b) SELECT * FROM unnest($1, $2)", True),
        ("INSERT INTO leaf (a, b) SELECT DISTINCT * FROM r", True),
        ("INSERT INTO leaf (a, b)\nSELECT r.*, $2 FROM r", True),
        ("INSERT INTO leaf SELECT a, b FROM r", True),
        ("INSERT INTO leaf AS l (a, b) SELECT a, b * 2 FROM (SELECT * FROM r)", False),
        ("INSERT INTO leaf (a, b) SELECT a, count(*) FROM r", False),
        ("INSERT INTO leaf (a) VALUES ($1)", False),
    ],
)
def test_a_table_filled_by_position_is_noticed(statement: str, by_position: bool) -> None:
    assert filled_by_position(statement) is by_position
