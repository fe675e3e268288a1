"""Errors with a status and a remedy; an API shows them as problem+json (RFC 9457)."""

from pydantic import BaseModel, ConfigDict, JsonValue


class Problem(BaseModel):
    """The wire form of an error: RFC 9457, with `remedy` saying what to do."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    remedy: str


class ChimeraError(Exception):
    """Base of every error that a caller may see."""

    status = 500
    title = "Internal error"
    remedy = "Try again; if it stays, look at the log of the process with this execution id."

    def __init__(self, detail: str, remedy: str | None = None, **fields: JsonValue) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fields = fields
        if remedy is not None:
            self.remedy = remedy

    def problem(self) -> dict[str, JsonValue]:
        """The problem+json body."""
        slug = self.title.lower().replace(" ", "-")
        head: dict[str, JsonValue] = {"type": f"urn:chimera:problem:{slug}", "title": self.title}
        return {**head, "status": self.status, "detail": self.detail, "remedy": self.remedy, **self.fields}


class Invalid(ChimeraError):
    """The request is well-formed but says something that cannot be."""

    status = 422
    title = "Invalid request"
    remedy = "Correct the named field and send it again."


class NotFound(ChimeraError):
    """It does not exist, or belongs to another tenant: the answer is the same on purpose (DAT-4)."""

    status = 404
    title = "Not found"
    remedy = "List what there is and use one of those ids."
