"""What the roles need of review: results to be judged, and what was said before."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from chimera.review.types.messages import CommitCommand, Lookalike, PendingReview
from chimera.tasks.types.messages import CommitResult, Lease, Task


class Earlier(Protocol):
    """What an influencer has said so far."""

    async def earlier(self, task: Task, limit: int) -> list[str]:
        """The influencer's latest approved texts, newest first."""
        ...


class Reviews(Earlier, Protocol):
    """Results that are in review. Nothing but a commit lets one of them out."""

    async def claim_reviews(self, leases: Sequence[Lease], process_id: UUID) -> list[PendingReview]:
        """Take hold of results that are to be judged."""
        ...

    async def lookalikes(self, task: Task, minhash: Sequence[int]) -> list[Lookalike]:
        """Earlier pieces of the tenant's fleet that share some of these hashes, newest first."""
        ...

    async def commit(self, judgement: CommitCommand) -> CommitResult:
        """Commit a verdict with all that it brings about, in one transaction; no status when another attempt has the
        task."""
        ...
