"""What the roles need of the world. Stores and gateways implement these; roles hold nothing else."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from pydantic import BaseModel, JsonValue

from chimera.contracts.claims import (
    Committed,
    Effect,
    Judgement,
    Lease,
    Lookalike,
    NewTask,
    PaymentDue,
    Piece,
    Planned,
    ProcessMark,
    Receipt,
    Rejected,
    Setting,
    SpendOrder,
    Task,
    Ticket,
)
from chimera.contracts.errors import ToolFailed
from chimera.contracts.media import MediaFacts, StoredFile
from chimera.contracts.money.finance import Closing, Decided
from chimera.contracts.money.payments import PaymentOrder, PaymentReceipt
from chimera.contracts.platforms import Platform, Rates
from chimera.contracts.provenance.credentials import FileStatement
from chimera.contracts.provenance.transparency import Sealed
from chimera.contracts.values import Money, Role, Stage, TaskStatus, Wire
from chimera.contracts.work import Artifact, ExecutionResult, MediaItem, RenderedPrompt, ToolRecord, Usage

Out = TypeVar("Out", bound=BaseModel)
LastLook = Callable[[], Awaitable[None]]
"""Whether a call may still be made: silence, or an error."""


class Answer(Wire, Generic[Out]):
    """A model's typed answer and what it took."""

    output: Out
    model_used: str
    seed: int
    usage: Usage
    duration_ms: int
    unbilled: bool = False
    """Whether a model of our own answered, whose tokens are counted and nobody sends a bill for."""


class Model(Protocol):
    """A language model, or the fallback chain of several, for one role."""

    def ceilings(self, role: Role, prompt: RenderedPrompt) -> Sequence[Money]:
        """The most that one ask can cost, by currency. Invalid where a price is not known: unknown is not free."""
        ...

    async def ask(self, role: Role, prompt: RenderedPrompt, output: type[Out], *, seed: int) -> Answer[Out]:
        """Put a prompt and get a typed answer. ModelFailed when there is none to be had."""
        ...


class PaidModel(Protocol):
    """A model whose every call is paid for: reserved before, settled after (FIN-4)."""

    async def ask(self, task: Task, role: Role, prompt: RenderedPrompt, output: type[Out], *, seed: int) -> Answer[Out]:
        """Put a prompt at a task's expense. ModelFailed also when the CFO does not authorise it."""
        ...


class ToolResult(Wire):
    """What an MCP call returned: data, never instructions (MCP-3)."""

    data: dict[str, JsonValue]
    record: ToolRecord


class Tools(Protocol):
    """The MCP host: the only way to the outside (MCP-1)."""

    async def call(
        self, server: str, tool: str, arguments: Mapping[str, JsonValue], last_look: LastLook | None = None
    ) -> ToolResult:
        """Call a tool. ToolFailed says whether the call may have taken effect; NotFound for an unknown one.

        The last look is taken when all else is ready, so that nothing lies between it and the call; what it raises
        ends the call before it is made.
        """
        ...

    def knows(self, server: str, tool: str) -> bool:
        """Whether the server is configured and the tool is on its allow-list."""
        ...

    def effectful(self, server: str, tool: str) -> bool:
        """Whether the tool acts on the outside, so that only a granted effect may call it."""
        ...

    def platform(self, server: str) -> Platform:
        """What has to be known of the platform behind a server; a bare one for a server that tells nothing."""
        ...


class Throttle(Protocol):
    """Rate limits and circuit breakers of MCP servers, shared by all processes."""

    async def admit(self, server: str, account: str, rates: Rates) -> bool:
        """Let a call through; whether it is watched, so that its success has to be reported too.

        ToolFailed, away and with its pause, while the server or the account has to wait. An empty account stands for
        a call that no account is held to.
        """
        ...

    async def report(self, server: str, account: str, failure: ToolFailed | None) -> None:
        """How an admitted call went."""
        ...


class Signer(Protocol):
    """Custody of the signing key (PRV-1)."""

    def sign(self, payload: bytes) -> str:
        """A detached JWS (RFC 7515, appendix F) over the payload."""
        ...


class Queue(Protocol):
    """The fast path: tickets in Redis. Losing it loses no work (DAT-3)."""

    async def put(self, stage: Stage, tickets: Sequence[Ticket]) -> int:
        """Append what is not queued yet; how many were taken. Beyond the bound the rest waits in PostgreSQL."""
        ...

    async def take(self, stage: Stage, consumer: str, count: int, wait_ms: int) -> list[Lease]:
        """Take up to `count` tickets, urgent ones first and in turns between tenants and influencers."""
        ...

    async def renew(self, stage: Stage, consumer: str, leases: Sequence[Lease]) -> None:
        """Keep the leases of work that is still going on."""
        ...

    async def done(self, stage: Stage, leases: Sequence[Lease]) -> None:
        """Drop tickets that are dealt with."""
        ...

    async def depth(self, stage: Stage) -> int:
        """Tickets waiting or in hand."""
        ...


class Work(Protocol):
    """The life of tasks in PostgreSQL. Every write is guarded by status and attempt (Superseded otherwise)."""

    async def claim(self, leases: Sequence[Lease], process_id: UUID, stage: Stage) -> list[Task]:
        """Take hold of the tasks that are due; what is missing in the answer is not (or no longer) to be done."""
        ...

    async def submit(self, task: Task, result: ExecutionResult, author: str) -> Committed:
        """Record a Worker's result and send it to the Judge."""
        ...

    async def pieces(self, leases: Sequence[Lease], process_id: UUID) -> list[Piece]:
        """Take hold of results that are to be judged."""
        ...

    async def commit(self, judgement: Judgement) -> Committed:
        """Commit a verdict with all that it brings about, in one transaction."""
        ...

    async def postpone(self, task: Task, cause: str, due_at: datetime) -> None:
        """Let the same task be tried again later."""
        ...

    async def bury(self, task: Task, status: TaskStatus, cause: str) -> None:
        """End a task that cannot be done, with its cause."""
        ...

    async def replan(self, task: Task, cause: str) -> None:
        """End a task that has had its tries: the Planner makes it anew with the cause, as often as the policy allows;
        then it is a dead letter (ORC-11)."""
        ...

    async def let_go(self, process_id: UUID, stage: Stage, held: Sequence[UUID], seconds: float) -> None:
        """Give back what the process claimed longer ago than that and does not hold: it has lost track of it."""
        ...

    async def setting(self, task: Task) -> Setting:
        """The persona, policy and brief that the task names."""
        ...

    async def earlier(self, task: Task, limit: int) -> list[str]:
        """The influencer's latest approved texts, newest first."""
        ...

    async def lookalikes(self, task: Task, sketch: Sequence[int]) -> list[Lookalike]:
        """Earlier pieces of the tenant's fleet that share some of a sketch, newest first."""
        ...

    async def lay_out(self, task: Task, planned: Planned) -> Sequence[Ticket]:
        """Store a plan and complete its planning task; the tickets of tasks that can start at once."""
        ...

    async def rejected(self, task: Task) -> Rejected:
        """What a revision task is about."""
        ...

    async def replace(self, task: Task, old: Task, new: NewTask) -> Sequence[Ticket]:
        """Complete a revision task: the new task takes the old one's place in the graph."""
        ...


class Effects(Protocol):
    """The life of effects in PostgreSQL (PUB-2)."""

    async def begin(self, leases: Sequence[Lease], process_id: UUID) -> list[Effect]:
        """Check the grants and mark the effects as executing, durably; an interrupted one comes back as unknown."""
        ...

    async def clear(self, effect: Effect) -> None:
        """The last look before the platform is asked: Halted when an operator has stopped it meanwhile, Superseded
        when somebody else has the effect."""
        ...

    async def finish(self, effect: Effect, receipt: Receipt) -> Sequence[Ticket]:
        """Record the receipt: publication, settlement, and the tickets of tasks that waited for it."""
        ...

    async def doubt(self, effect: Effect, cause: str, due_at: datetime) -> None:
        """Nobody knows whether it happened: to be reconciled by reading the platform."""
        ...

    async def ask(self, effect: Effect, question: str, due_at: datetime | None) -> None:
        """Put the doubt to a human. With a time it is read back then all the same; without one it waits."""
        ...

    async def retry(self, effect: Effect, cause: str, due_at: datetime) -> None:
        """It certainly did not happen: it may be tried again."""
        ...

    async def fail(self, effect: Effect, cause: str) -> None:
        """It did not happen and will not: releases its money, tells the Planner."""
        ...

    async def let_go(self, process_id: UUID, held: Sequence[UUID], seconds: float) -> None:
        """Doubt what the process began longer ago than that and does not hold: it has lost track of it."""
        ...


class Treasury(Protocol):
    """Budgets and the ledger in PostgreSQL (FIN-1..4)."""

    async def authorise(self, order: SpendOrder) -> Decided:
        """Reserve the money or refuse it; the same key gives the same answer, with another body a Conflict."""
        ...

    async def close(self, closing: Closing) -> None:
        """End a pending transfer; one that has ended already stays as it is."""
        ...

    async def doubt(self, reservation_id: UUID, cause: str) -> None:
        """Nobody knows what it cost: it keeps its reservation, and a human is shown it."""
        ...


class Payments(Protocol):
    """Payments by wallet in PostgreSQL: ordered before they are carried out, booked once (FIN-6)."""

    async def due(self, reservation_id: UUID) -> PaymentDue:
        """What a transfer is to pay, and how far that has come."""
        ...

    async def keep(self, due: PaymentDue, order: PaymentOrder, signature: str, fee_id: UUID | None) -> PaymentDue:
        """Keep an order before it is carried out; the answer has the order that was first."""
        ...

    async def confirmed(self, due: PaymentDue, receipt: PaymentReceipt, asset_id: UUID | None = None) -> None:
        """The chain has it: post the amount and the fee. Done twice it changes nothing."""
        ...

    async def failed(self, due: PaymentDue, receipt: PaymentReceipt) -> None:
        """It did not happen and will not: the amount is free again; what fee the chain took is posted."""
        ...


class Payer(Protocol):
    """Pays by wallet what the CFO has authorised."""

    async def pay(self, reservation_id: UUID, asset_id: UUID) -> str | None:
        """The transaction that paid a reservation; None when it is not a wallet that pays it. Pays once, ever."""
        ...


class Cfo(Protocol):
    """The CFO Judge: decides on every spend before it happens (FIN-1)."""

    def instruct(self, order: PaymentOrder) -> str:
        """Sign a payment order for the signer, which carries out nothing else. A detached JWS."""
        ...

    async def authorise(self, order: SpendOrder) -> Decided:
        """Authorise or refuse; an authorised amount is reserved until it is settled or released."""
        ...


class Memory(Protocol):
    """What an influencer remembers (MEM-1)."""

    async def recall(self, tenant_id: UUID, agent_id: UUID, about: str, limit: int) -> list[str]:
        """The memories nearest to a subject, best first."""
        ...


class Presence(Protocol):
    """Signs of life of this process."""

    async def mark(self, process: ProcessMark) -> None:
        """Say that the process lives; what it holds is taken back when it stops saying so."""
        ...

    async def leave(self, process: ProcessMark) -> None:
        """Say that the process stops in good order."""
        ...


class Sweep(Protocol):
    """The promise that nothing is forgotten."""

    async def sweep(self) -> Mapping[Stage, Sequence[Ticket]]:
        """What is due in PostgreSQL, by stage, whether or not Redis knows of it."""
        ...


class Seal(Protocol):
    """The transparency log grows (PRV-4)."""

    async def seal(self) -> Sealed:
        """Take in what is not in the log yet, and sign where it stands."""
        ...


class Shelf(Protocol):
    """The asset store, as the roles see it: they name files by their content (MED-4)."""

    async def take_in(self, uri: str) -> tuple[StoredFile, MediaFacts]:
        """Keep a file that a tool has made, and measure it. Invalid for what is no media or lies elsewhere."""
        ...

    async def measure(self, storage_uri: str) -> MediaFacts:
        """What a kept file is. NotFound when it is not there, Altered when it is not what was put in."""
        ...

    async def sign(self, item: MediaItem, statement: FileStatement) -> MediaItem:
        """The same item with the file signed: it says itself where it comes from (PRV-1)."""
        ...

    async def lend(self, storage_uri: str) -> str:
        """A checked copy for a tool to read, as a file:// URI."""
        ...


class Gallery(Protocol):
    """The pictures and clips of pieces."""

    async def make(self, task: Task, setting: Setting, text: str, tool_log: list[ToolRecord]) -> list[MediaItem]:
        """What the task wants to be seen with the text, if anything; the tool's call is logged.

        ToolFailed when it cannot be made, Invalid when nothing is configured that could.
        """
        ...

    async def objections(self, artifact: Artifact, setting: Setting) -> list[str]:
        """Why what is shown may not leave: it is not the file it says, or does not show the character (MED-2)."""
        ...

    async def sign(self, item: MediaItem, asset_id: str, task: Task, prompt_hash: str | None) -> MediaItem:
        """The item as it is published."""
        ...


class Pulse(Protocol):
    """Live state in Redis: who thinks about what, right now (DAT-3)."""

    async def thinking(self, task: Task, role: Role) -> None:
        """The influencer is busy in this role; forgotten by itself after a few seconds."""
        ...
