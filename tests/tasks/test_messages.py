"""What travels between roles and stores survives JSON, for it crosses processes."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from chimera.database.outbox import QueueItem
from chimera.ids import new_id
from chimera.publishing.types import Grant, Receipt
from chimera.tasks.types.messages import CommitResult, Lease
from chimera.values import Priority


def test_a_grant_survives_json() -> None:
    grant = Grant(
        tenant_id=new_id(),
        content_hash="0" * 64,
        soul_hash="1" * 64,
        state_version=3,
        limit="50 USDC",
        expires_at=datetime(2026, 2, 5, tzinfo=UTC),
    )
    assert Grant.model_validate_json(grant.model_dump_json()) == grant


def test_a_commit_that_found_nothing_to_do_has_no_status_and_nothing_comes_of_it() -> None:
    nothing = CommitResult(task_id=new_id(), status=None)
    assert (nothing.status, nothing.followed) == (None, False)


def test_a_queue_item_survives_json() -> None:
    item = QueueItem(id=new_id(), tenant_id=new_id(), agent_id=new_id(), priority=Priority.HIGH)
    assert QueueItem.model_validate_json(item.model_dump_json()) == item


def test_a_lease_is_frozen() -> None:
    lease = Lease(id=new_id(), stream="s", entry="1-0", redelivered=False)
    with pytest.raises(ValidationError, match="frozen"):
        lease.redelivered = True  # type: ignore[misc]


def test_a_receipt_needs_a_time() -> None:
    with pytest.raises(ValidationError):
        Receipt.model_validate({"kind": "post", "ids": [], "url": "", "content_hash": "", "disclosure": ""})
