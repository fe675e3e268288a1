"""Parameters that many paths share."""

from typing import Annotated
from uuid import UUID

from fastapi import Path, Query

Limit = Annotated[int, Query(ge=1, le=500, description="Rows at most.")]
Before = Annotated[UUID | None, Query(description="`next` of the page before: older rows follow.")]
TaskName = Annotated[str, Path(max_length=128, pattern=r"^[A-Za-z0-9._:-]+$", description="Task or execution id.")]
