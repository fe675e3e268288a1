"""What a batch of money decisions comes to, as rows that are written at once."""

from typing import NamedTuple
from uuid import UUID

from pydantic import JsonValue

JsonRow = dict[str, JsonValue]
"""A row as JSON: decimals and ids as text."""


class BatchRows(NamedTuple):
    """Everything that a batch has decided, by the table that it goes to; `used` are flags that let a spend through."""

    counters: list[JsonRow]
    reservations: list[JsonRow]
    closings: list[JsonRow]
    accounts: list[JsonRow]
    transactions: list[JsonRow]
    postings: list[JsonRow]
    events: list[JsonRow]
    notes: list[JsonRow]
    heads: list[JsonRow]
    flags: list[JsonRow]
    used: list[UUID]
