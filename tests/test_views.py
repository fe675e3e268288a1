"""What people are shown: amounts stay exact, and no view is open to fields that nobody has named."""

from decimal import Decimal
from types import ModuleType

import pytest
from pydantic import TypeAdapter, ValidationError

from chimera.campaigns.types import views as campaign_views
from chimera.fleet.types import views as fleet_views
from chimera.fleet.types.health import BacklogView
from chimera.ids import new_id
from chimera.money.types import views as money_views
from chimera.money.types.views import Amount
from chimera.personas.types import views as persona_views
from chimera.provenance.types import views as provenance_views
from chimera.review.types import views as review_views
from chimera.tasks.types import views as task_views
from chimera.values import Page, Stage
from chimera_protocol.wire import Wire

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


VIEWS = [campaign_views, fleet_views, money_views, persona_views, provenance_views, review_views, task_views]


@pytest.mark.parametrize("module", VIEWS, ids=lambda module: module.__name__)
def test_every_view_refuses_fields_that_it_does_not_have(module: ModuleType) -> None:
    found = [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Wire)]
    shown = [kind for kind in found if kind.__module__ == module.__name__]
    assert shown
    for kind in shown:
        with pytest.raises(ValidationError, match="Extra inputs"):
            kind.model_validate({"surprise": 1})
