"""The journal as text: names that beancount takes and that stay apart, and nothing that a stranger wrote runs."""

import csv
import io
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chimera.ids import new_id
from chimera.money.rules import journal
from chimera.money.types.books import BookAccount, BookEntry

NAME = re.compile(r"(Assets|Liabilities|Equity|Income|Expenses)(:[A-Z0-9][A-Za-z0-9-]*)+")


def account(code: str, kind: str = "expense", **about: Any) -> BookAccount:
    given = {"persona": None, "campaign": None, "category": None, "party": None, "balance": Decimal(1), **about}
    return BookAccount(code=code, kind=kind, currency=given.pop("currency", "USDC"), **given)


def entry(memo: str = "posted: 5 USDC", **about: Any) -> BookEntry:
    given = {
        "transaction_id": new_id(),
        "at": datetime(2026, 2, 5, 12, tzinfo=UTC),
        "day": date(2026, 2, 5),
        "entry": "posted",
        "currency": "USDC",
        "persona": "Nora",
        "campaign": "Look up",
        "reservation_id": None,
        "asset_id": None,
        "verification": "a" * 64,
        "accounts": ["expense:ads:n:c", "wallet:n"],
        "amounts": [Decimal("5.000000"), Decimal("-5.000000")],
    }
    return BookEntry(memo=memo, **{**given, **about})


def test_accounts_are_named_after_what_they_are_about() -> None:
    known = journal.names(
        [
            account("wallet:n", "asset", persona="NightSkyNora"),
            account("wallet:tenant", "asset"),
            account("vendor:twitter-mcp", "liability", party="twitter-mcp"),
            account("expense:ads:n:c", category="ads", persona="TechInfluencer", campaign="Quiet technology"),
            account("expense:compute:n:-", category="compute", persona="TechInfluencer"),
            account("reserved:n:c", "equity", persona="Nora", campaign="Look up"),
            account("equity:funding", "equity"),
            account("income:received:n", "income", persona="Nora", party="0xB"),
            account("disputed:0xA", "asset", party="0xA"),
            account("model:composer", "equity"),
        ]
    )
    assert list(known.values()) == [
        "Assets:Wallet:NightSkyNora",
        "Assets:Wallet:Tenant",
        "Liabilities:Vendor:Twitter-mcp",
        "Expenses:Ads:TechInfluencer:Quiet-technology",
        "Expenses:Compute:TechInfluencer:General",
        "Equity:Reserved:Nora:Look-up",
        "Equity:Funding",
        "Income:Received:Nora",
        "Assets:Disputed:0xA",
        "Equity:Earlier:Model:Composer",
    ]


def test_of_two_that_would_have_one_name_the_older_one_keeps_it() -> None:
    alike = [account(f"wallet:{n}", "asset", persona=persona) for n, persona in enumerate(["Né", "Ne", "N e", "né!"])]
    known = journal.names(alike)
    assert known["wallet:0"] == "Assets:Wallet:Ne"
    assert len(set(known.values())) == 4
    assert journal.names(alike[:2]) == {code: known[code] for code in ("wallet:0", "wallet:1")}


@given(st.text(min_size=1), st.text(min_size=1), st.text())
def test_whatever_people_call_things_beancount_can_read_the_names(persona: str, campaign: str, party: str) -> None:
    for made in (
        account("expense:ads:n:c", category="ads", persona=persona, campaign=campaign),
        account(f"vendor:{party}", "liability", party=party),
        account(party, "equity"),
    ):
        assert NAME.fullmatch(journal.names([made])[made.code])


@given(st.text())
def test_a_memo_is_one_line_of_text_and_never_a_directive(memo: str) -> None:
    written = journal.beancount_entry(entry(memo), {"expense:ads:n:c": "Expenses:Ads", "wallet:n": "Assets:Wallet"})
    head, *rest = written.splitlines()
    assert head.startswith('2026-02-05 * "Nora" "')
    assert re.fullmatch(r'2026-02-05 \* "Nora" "([^"\\]|\\.)*"', head)
    assert all(line.startswith("  ") or not line for line in rest)


def test_an_entry_carries_its_transaction_and_what_verifies_it() -> None:
    made = entry()
    written = journal.beancount_entry(made, {"expense:ads:n:c": "Expenses:Ads", "wallet:n": "Assets:Wallet"})
    assert f'  transaction: "{made.transaction_id}"' in written
    assert f'  verification: "{"a" * 64}"' in written
    assert "  Expenses:Ads  5 USDC\n  Assets:Wallet  -5 USDC\n" in written


def test_a_formula_that_a_stranger_wrote_is_text_in_a_spreadsheet() -> None:
    text = journal.csv_head() + journal.csv_entry(entry("=HYPERLINK(1)", persona="@nora"), {"expense:ads:n:c": "ads"})
    first, second = csv.DictReader(io.StringIO(text))
    assert (first["memo"], first["influencer"]) == ("'=HYPERLINK(1)", "'@nora")
    assert (first["amount"], second["amount"]) == ("5", "-5")
    assert (first["category"], second["category"]) == ("ads", "")


def test_books_without_an_entry_are_a_head_and_nothing_else() -> None:
    assert journal.beancount_tail(None, [], {}) == ""
    assert " open " not in journal.beancount_head("Chimera", None, [], {})
