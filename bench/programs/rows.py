"""The rows of one cycle, copied from a task that Chimera has done, under fresh ids: what peers have to make durable.

The ids are computed from the cycle's number, so that the steps of a peer need to hand on nothing but that.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

JUDGED = (
    "verdict", "asset", "generation_log", "transaction_ledger", "ledger_posting", "provenance", "effect", "audit_event",
)  # fmt: skip

# Three statements for any number of cycles: dispatched, made, judged. Their parameters are the rows as JSON.
DISPATCH = "INSERT INTO task SELECT * FROM jsonb_populate_recordset(NULL::task, $1::text::jsonb)"
SUBMIT = """
WITH made AS (
    INSERT INTO execution SELECT * FROM jsonb_populate_recordset(NULL::execution, $1::text::jsonb) RETURNING task_id
)
UPDATE task SET status = 'in_review', attempt = attempt + 1, updated_at = now()
WHERE task_id IN (SELECT task_id FROM made)"""
COMMIT = """
WITH v AS (
    INSERT INTO verdict SELECT * FROM jsonb_populate_recordset(NULL::verdict, $1::text::jsonb) RETURNING task_id
),
a AS (INSERT INTO asset SELECT * FROM jsonb_populate_recordset(NULL::asset, $2::text::jsonb)),
g AS (INSERT INTO generation_log SELECT * FROM jsonb_populate_recordset(NULL::generation_log, $3::text::jsonb)),
l AS (INSERT INTO transaction_ledger SELECT * FROM jsonb_populate_recordset(NULL::transaction_ledger, $4::text::jsonb)),
b AS (INSERT INTO ledger_posting SELECT * FROM jsonb_populate_recordset(NULL::ledger_posting, $5::text::jsonb)),
p AS (INSERT INTO provenance SELECT * FROM jsonb_populate_recordset(NULL::provenance, $6::text::jsonb)),
e AS (INSERT INTO effect SELECT * FROM jsonb_populate_recordset(NULL::effect, $7::text::jsonb)),
n AS (INSERT INTO audit_event SELECT * FROM jsonb_populate_recordset(NULL::audit_event, $8::text::jsonb))
UPDATE task SET status = 'completed', attempt = attempt + 1, updated_at = now()
WHERE task_id IN (SELECT task_id FROM v)"""

_OWN = ("task_id", "verdict_id", "asset_id", "log_id", "transaction_id", "provenance_id", "effect_id", "event_id")


class Stencil:
    """The rows of one task as text, with holes where its ids were."""

    def __init__(self, rows: Mapping[str, Sequence[Mapping[str, object]]]) -> None:
        started = {"status": "queued", "attempt": 0, "tries": 0}
        changed = {**rows, "task": [{**row, **started} for row in rows["task"]]}
        ids = sorted({str(row[key]) for found in rows.values() for row in found for key in _OWN if key in row})
        holes = {id: f"\0{number}\0" for number, id in enumerate(ids)}
        pattern = re.compile("|".join(map(re.escape, ids)))
        self._parts = {
            table: pattern.sub(lambda match: holes[match[0]], json.dumps(found)[1:-1]).split("\0")
            for table, found in changed.items()
        }

    def text(self, table: str, number: int) -> str:
        """The table's rows for the cycle `number`, as JSON objects with commas between them."""
        base = 16 * number
        # Between two holes stands text; the holes are the odd parts.
        return "".join(_id(base + int(part)) if index % 2 else part for index, part in enumerate(self._parts[table]))


class Stencils:
    """One stencil for each campaign of the run that they were taken from, used in turns."""

    @cached_property
    def _file(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(Path(os.environ["BENCH_STENCILS"]).read_text())
        return found

    @cached_property
    def _all(self) -> list[Stencil]:
        return [Stencil(rows) for rows in self._file["tasks"]]

    def parents(self) -> list[tuple[str, str]]:
        """Statements with their parameter, for what must be there first: tenant, influencers, campaigns, plans."""
        found = self._file["parents"]
        query = "INSERT INTO {0} SELECT * FROM jsonb_populate_recordset(NULL::{0}, $1::text::jsonb)"
        return [(query.format(table), json.dumps(rows)) for table, rows in found.items()]

    def rows(self, table: str, numbers: Sequence[int]) -> str:
        """The table's rows for these cycles, as a JSON array."""
        return f"[{','.join(self._all[number % len(self._all)].text(table, number) for number in numbers)}]"

    def judged(self, numbers: Sequence[int]) -> list[str]:
        """The parameters of `COMMIT` for these cycles."""
        return [self.rows(table, numbers) for table in JUDGED]


def _id(number: int) -> str:
    # Growing, like the UUIDv7 that Chimera uses, so that indexes grow at their end here too.
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
