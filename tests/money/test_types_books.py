"""What the books say travels as exact decimals in strings."""

from decimal import Decimal

from chimera.money.types.books import BookLine, Section, Statement


def line(section: Section, amount: str) -> BookLine:
    return BookLine(section=section, name="x", opening=Decimal(0), movement=Decimal(amount), closing=Decimal(amount))


def test_amounts_are_strings_to_the_last_digit() -> None:
    told = line(Section.WALLET, "12345678901234567890.123456789012345678").model_dump(mode="json")
    assert told["closing"] == "12345678901234567890.123456789012345678"
    assert told["opening"] == "0"


def test_a_statement_gives_the_lines_of_some_sections() -> None:
    lines = [line(Section.WALLET, "1"), line(Section.VENDOR, "2"), line(Section.EXPENSE, "3")]
    made = Statement(
        currency="USDC", lines=lines, pending=line(Section.PENDING, "4"), result=line(Section.RESULT, "-3")
    )
    assert made.of(Section.WALLET, Section.EXPENSE) == [lines[0], lines[2]]
