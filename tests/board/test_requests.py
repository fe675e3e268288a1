"""The ways on from a part of a list keep its filters."""

from uuid import UUID

from chimera.board.requests import pager

ID = UUID(int=7)


def test_a_first_page_leads_to_older_rows_only() -> None:
    assert pager("/tasks", None, ID) == (None, f"/tasks?before={ID}")


def test_filters_are_kept_and_what_is_not_chosen_is_left_out() -> None:
    found = pager("/tasks", ID, ID, status="completed", agent_id=None)
    assert found == ("/tasks?status=completed", f"/tasks?status=completed&before={ID}")


def test_the_last_page_leads_back() -> None:
    assert pager("/ledger", ID, None) == ("/ledger", None)
