"""Errors with a status and a remedy; the API shows them as problem+json (RFC 9457)."""

from chimera_protocol.errors import ChimeraError


class Malformed(ChimeraError):
    """The bytes are not what the content type says."""

    status = 400
    title = "Malformed request"
    remedy = "Send UTF-8 JSON."


class TooLarge(ChimeraError):
    """The body is over the size bound."""

    status = 413
    title = "Payload too large"
    remedy = "Send less; files belong in the asset store."


class Unauthenticated(ChimeraError):
    """No key, or one that is not (or no longer) known."""

    status = 401
    title = "Unauthenticated"
    remedy = "Send 'Authorization: Bearer <key>'; 'chimera keys add' makes one."


class Forbidden(ChimeraError):
    """The key's role may not do this."""

    status = 403
    title = "Forbidden"
    remedy = "Use a key with the named role."


class NotAllowed(ChimeraError):
    """The path exists, the method does not."""

    status = 405
    title = "Method not allowed"
    remedy = "See /openapi.json for what this path takes."


class Conflict(ChimeraError):
    """The state has moved on, or another one holds it."""

    status = 409
    title = "Conflict"
    remedy = "Read the current state and decide again."


class Halted(ChimeraError):
    """An operator has stopped this part of the fleet."""

    status = 423
    title = "Halted"
    remedy = "Resume it with 'chimera resume' once the reason is settled."


class QueueFull(ChimeraError):
    """Back-pressure: more is waiting than the bound allows (ORC-10)."""

    status = 429
    title = "Queue full"
    remedy = "Wait for Retry-After seconds and send it again."
    retry_after = 2


class Unavailable(ChimeraError):
    """A part that Chimera stands on cannot be reached; nothing was lost."""

    status = 503
    title = "Unavailable"
    remedy = "Try again shortly; 'chimera health' names the part that is down."


class ToolFailed(ChimeraError):
    """An MCP call did not work; `uncertain` means that it may have taken effect all the same.

    `away` says that the server cannot be reached or has no room now: it is waited for, not given up; where it said
    for how long, `pause` has the seconds.
    """

    status = 502
    title = "Tool failed"
    remedy = "Look at the server's log; the call is retried or reconciled by itself."

    def __init__(
        self,
        detail: str,
        *,
        uncertain: bool,
        permanent: bool = False,
        away: bool = False,
        pause: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.pause = pause
        self.uncertain = uncertain
        self.permanent = permanent
        self.away = away


class ModelFailed(ChimeraError):
    """A model gave no usable answer: time-out, refusal, rubbish, or over its limits.

    `billed` says whether its provider may ask money for it all the same.
    """

    status = 502
    title = "Model failed"
    remedy = "The task is retried with back-off; check CHIMERA_MODEL and its key if it stays."

    def __init__(self, detail: str, *, billed: bool = True) -> None:
        super().__init__(detail)
        self.billed = billed


class Superseded(ChimeraError):
    """A guarded transition found nothing to do: another attempt or a newer state has won."""

    status = 409
    title = "Superseded"
    remedy = "Nothing to do: the newer attempt goes on."
