"""What people are shown: amounts stay exact, and no view is open to fields that nobody has named."""

from decimal import Decimal
from types import ModuleType

import pytest
from pydantic import TypeAdapter, ValidationError

from chimera.contracts import views
from chimera.contracts.ids import new_id
from chimera.contracts.money import views as money_views
from chimera.contracts.money.views import Amount
from chimera.contracts.provenance import views as provenance_views
from chimera.contracts.recovery import BacklogView
from chimera.contracts.values import Stage, Wire
from chimera.contracts.views import Page

AMOUNTS: TypeAdapter[Decimal] = TypeAdapter(Amount)


@pytest.mark.parametrize(
    ("amount", "shown"), [("50.000000000000000000", "50"), ("0.000000000000000021", "0.000000000000000021"), ("0", "0")]
)
def test_an_amount_is_shown_exactly_and_as_text(amount: str, shown: str) -> None:
    assert AMOUNTS.dump_python(Decimal(amount), mode="json") == shown
    assert AMOUNTS.dump_json(Decimal(amount)) == f'"{shown}"'.encode()


def test_a_page_says_where_the_next_one_starts() -> None:
    row = BacklogView(stage=Stage.WORK, waiting=3, oldest_seconds=1.5)
    page = Page[BacklogView](items=[row], next=new_id())
    assert Page[BacklogView].model_validate_json(page.model_dump_json()) == page
    assert Page[BacklogView](items=[]).next is None


@pytest.mark.parametrize("module", [views, money_views, provenance_views], ids=lambda module: module.__name__)
def test_every_view_refuses_fields_that_it_does_not_have(module: ModuleType) -> None:
    found = [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Wire)]
    shown = [kind for kind in found if kind.__module__ == module.__name__]
    assert len(shown) > 5
    for kind in shown:
        with pytest.raises(ValidationError, match="Extra inputs"):
            kind.model_validate({"surprise": 1})
