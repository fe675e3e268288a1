"""The journal as text: CSV for spreadsheets, beancount for accountants. What is written there can be checked again."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from hashlib import sha256

from chimera.money.types.books import BookAccount, BookEntry
from chimera_protocol.money import plain

CSV_COLUMNS = (
    "transaction_id",
    "timestamp",
    "entry",
    "account",
    "amount",
    "currency",
    "influencer",
    "campaign",
    "category",
    "reservation_id",
    "asset_id",
    "verification",
    "memo",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_ROOTS = {
    "asset": "Assets",
    "liability": "Liabilities",
    "equity": "Equity",
    "income": "Income",
    "expense": "Expenses",
}
NOBODY = "Tenant"
NOWHERE = "General"


def csv_head() -> str:
    """The line that names the columns."""
    return _csv([CSV_COLUMNS])


def csv_entry(entry: BookEntry, categories: Mapping[str, str]) -> str:
    """A transaction as a line for each posting; a debit is positive."""
    return _csv(
        (
            str(entry.transaction_id),
            entry.at.isoformat(),
            entry.entry,
            _safe(account),
            plain(amount),
            entry.currency,
            _safe(entry.persona or ""),
            _safe(entry.campaign or ""),
            categories.get(account, ""),
            str(entry.reservation_id or ""),
            str(entry.asset_id or ""),
            entry.verification,
            _safe(entry.memo),
        )
        for account, amount in zip(entry.accounts, entry.amounts, strict=True)
    )


def names(accounts: Iterable[BookAccount]) -> dict[str, str]:
    """A beancount name for each account's code. Of two that would be called the same, the older one keeps the name."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for account in accounts:
        if account.code in found:
            continue
        name = _name(account)
        if name in taken:
            name = f"{name}-{sha256(account.code.encode()).hexdigest()[:12]}"
        taken.add(name)
        found[account.code] = name
    return found


def beancount_head(title: str, first: date | None, accounts: Sequence[BookAccount], known: Mapping[str, str]) -> str:
    """Options, and an `open` for every account with its currencies."""
    lines = [
        f"option {_text('title')} {_text(title)}",
        # Sums are exact here: beancount must not let the last digit go.
        f"option {_text('tolerance_multiplier')} {_text('0')}",
    ]
    currencies: dict[str, list[str]] = {}
    for account in accounts:
        currencies.setdefault(account.code, []).append(account.currency)
    used = sorted({account.currency for account in accounts})
    lines += [f"option {_text('operating_currency')} {_text(currency)}" for currency in used]
    lines += ["", *(f"{first} open {known[code]} {','.join(held)}" for code, held in currencies.items()), ""]
    return "\n".join(lines) + "\n"


def beancount_entry(entry: BookEntry, known: Mapping[str, str]) -> str:
    """A transaction with the hash that authorised it."""
    payee = f"{_text(entry.persona)} " if entry.persona else ""
    facts = {
        "transaction": str(entry.transaction_id),
        "at": entry.at.isoformat(),
        "entry": entry.entry,
        "verification": entry.verification,
        "reservation": str(entry.reservation_id or ""),
        "asset": str(entry.asset_id or ""),
        "campaign": entry.campaign or "",
    }
    lines = [f"{entry.day} * {payee}{_text(entry.memo)}"]
    lines += [f"  {name}: {_text(value)}" for name, value in facts.items() if value]
    lines += [
        f"  {known[account]}  {plain(amount)} {entry.currency}"
        for account, amount in zip(entry.accounts, entry.amounts, strict=True)
    ]
    return "\n".join([*lines, "", ""])


def beancount_tail(last: date | None, accounts: Iterable[BookAccount], known: Mapping[str, str]) -> str:
    """What must be on every account in the end, summed up by the database and not from the lines above."""
    if last is None:
        return ""
    day = last + timedelta(days=1)
    return "".join(
        f"{day} balance {known[account.code]}  {plain(account.balance)} ~ 0 {account.currency}\n"
        for account in accounts
    )


def _name(account: BookAccount) -> str:
    head, _, rest = account.code.partition(":")
    about = {
        "wallet": ("Wallet", account.persona or NOBODY),
        "vendor": ("Vendor", account.party or rest),
        "disputed": ("Disputed", account.party or rest),
        "income": ("Received", account.persona or NOBODY),
        "expense": (account.category or "Other", account.persona or NOBODY, account.campaign or NOWHERE),
        "reserved": ("Reserved", account.persona or NOBODY, account.campaign or NOWHERE),
        "budget": ("Budget", account.persona or NOBODY, account.campaign or NOWHERE),
        "equity": (rest or "Other",),
    }.get(head, ("Earlier", head, rest or "All"))
    return ":".join([_ROOTS[account.kind], *map(_part, about)])


def _part(text: str) -> str:
    """A name as a part of an account's: letters, digits and dashes, a capital or a digit first."""
    plainest = (char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    joined = "-".join(re.findall(r"[A-Za-z0-9]+", "".join(plainest)))[:80]
    if not joined:
        return f"X{sha256(text.encode()).hexdigest()[:12]}"
    return joined[0].upper() + joined[1:]


def _text(value: str) -> str:
    """A string as beancount reads it, on one line."""
    flat = " ".join("".join(char if char.isprintable() else " " for char in value).split())
    return '"' + flat.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _safe(value: str) -> str:
    """What somebody else has written must not be a formula where it is opened."""
    return f"'{value}" if value.startswith(_FORMULA) else value


def _csv(rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()
