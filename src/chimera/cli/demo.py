"""The demo: two influencers, real parts, every step shown, and at the end the books are checked."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import yaml
from pydantic import JsonValue, ValidationError
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from chimera.campaigns.types.brief import Brief
from chimera.cli.processes import pause
from chimera.errors import Conflict
from chimera.money.rules import evidence
from chimera.money.rules.evidence import Event
from chimera.money.types.books import Section, Statement
from chimera.personas.types.policy import Policy
from chimera.provenance.types.views import PublicationView
from chimera.tasks.types.lineage import Lineage
from chimera.tasks.types.views import TaskView
from chimera.values import CampaignStatus, EffectStatus, TaskStatus
from chimera.wiring import EFFECT_OVER, TASK_OVER, System, content_hash, explain, statement_holds
from chimera_protocol.errors import Invalid
from chimera_protocol.money import plain

Kind = TypeVar("Kind", Policy, Brief)
_ACTOR = "operator:demo"
_RESTING = TASK_OVER | {TaskStatus.AWAITING_APPROVAL}
_COLOURS = {
    TaskStatus.COMPLETED: "green",
    TaskStatus.REJECTED: "red",
    TaskStatus.AWAITING_APPROVAL: "yellow",
    TaskStatus.DEAD_LETTER: "bold red",
    TaskStatus.FAILED: "bold red",
}
_QUIET = frozenset({TaskStatus.QUEUED, TaskStatus.PENDING})
_EVERYTHING = 500
_FUNDS = ("1000 USDC", "0.1 ETH")


class Demo:
    """Loads the examples, follows their tasks, and judges the outcome."""

    def __init__(self, system: System, examples: Path, door: str) -> None:
        self._system = system
        self._examples = examples
        self._door = door
        self._console = Console(highlight=False)
        self._seen: dict[UUID, tuple[TaskStatus, EffectStatus | None]] = {}
        self._spends: dict[UUID, str] = {}
        self._read: set[UUID] = set()
        self._tenant = UUID(int=0)

    async def run(self, stopping: asyncio.Event, *, once: bool) -> int:
        """Run until the campaigns rest (`once`) or until `stopping`; the exit code."""
        self._tenant = await self._system.accounts.open_tenant(self._system.settings.tenant)
        await self._load()
        self._console.print(f"[bold]Board:[/] {self._door}", soft_wrap=True)
        told = False
        while not stopping.is_set():
            tasks = await self._tell()
            if await self._rests(tasks) and not told:
                told = True
                problems = await self._sum_up(tasks)
                if once:
                    return 1 if problems else 0
                self._console.print(f"The board stays up at {self._door} — Ctrl-C ends it.", soft_wrap=True)
            await pause(stopping, 0.2)
        return 130 if once else 0

    async def _load(self) -> None:
        accounts = self._system.accounts
        policy = _read(Policy, self._examples / "fleet.yaml")
        await accounts.set_policy(self._tenant, policy, _ACTOR)
        for soul in sorted(self._examples.glob("personas/*/SOUL.md")):
            influencer = await accounts.import_persona(self._tenant, soul.read_text("utf-8"), _ACTOR)
            self._console.print(f"[bold]{influencer.persona}[/] speaks as soul {influencer.soul_hash[:12]}")
            await self._fund(influencer.persona)
        for path in sorted(self._examples.glob("campaigns/*.yaml")):
            await self._begin(_read(Brief, path))

    async def _fund(self, persona: str) -> None:
        """Give an influencer what it starts with; one that has something has been here before."""
        if not self._system.settings.funding_addresses:
            return  # a chain without a faucet: wallets are filled by their owner
        desk = self._system.wallet_desk
        view = await desk.show(self._tenant, persona)
        if not any(Decimal(amount) for amount in view.balances.values()):
            view = await desk.fund(self._tenant, persona, _FUNDS)
        held = ", ".join(f"{amount} {currency}" for currency, amount in sorted(view.balances.items()))
        self._console.print(f"  [magenta]wallet[/] {view.address} holds {held}", soft_wrap=True)

    async def _begin(self, brief: Brief) -> None:
        campaigns = self._system.campaigns
        try:
            campaign_id = await campaigns.create(self._tenant, brief, _ACTOR)
        except Conflict:
            known = (await self._system.reads.campaigns(self._tenant, _EVERYTHING)).items
            old = next(each for each in known if (each.name, each.persona) == (brief.name, brief.persona))
            self._console.print(f"[dim]“{brief.name}” goes on where it was: {old.status.value}[/]")
            if old.status is not CampaignStatus.DRAFT:
                return
            campaign_id = old.campaign_id
        self._console.print(f"[bold]{brief.persona}[/] takes on “{brief.name}”: {brief.goal}")
        await campaigns.plan(self._tenant, campaign_id, _ACTOR)

    async def _tell(self) -> Sequence[TaskView]:
        """Print what has changed since the last look."""
        tasks = (await self._system.reads.tasks(self._tenant, _EVERYTHING)).items
        for task in reversed(tasks):
            now = (task.status, task.effect)
            if self._seen.get(task.task_id) != now:
                self._seen[task.task_id] = now
                if task.status not in _QUIET:
                    self._console.print(_line(task), soft_wrap=True)
        for spend in reversed((await self._system.reads.spends(self._tenant, _EVERYTHING)).items):
            if self._spends.get(spend.reservation_id) != spend.status:
                self._spends[spend.reservation_id] = spend.status
                wanted, why = spend.request["token_amount"], spend.answer.get("details", "")
                self._console.print(f"  [magenta]CFO[/]  {wanted} {spend.status} {why}", soft_wrap=True)
        for publication in reversed((await self._system.reads.publications(self._tenant, _EVERYTHING)).items):
            if publication.publication_id not in self._read:
                self._read.add(publication.publication_id)
                self._console.print(_post(publication))
        return tasks

    async def _rests(self, tasks: Sequence[TaskView]) -> bool:
        campaigns = (await self._system.reads.campaigns(self._tenant, _EVERYTHING)).items
        if any(each.status is CampaignStatus.PLANNING for each in campaigns):
            return False
        effects = {task.effect for task in tasks if task.effect is not None}
        return bool(tasks) and effects <= EFFECT_OVER and all(task.status in _RESTING for task in tasks)

    async def _sum_up(self, tasks: Sequence[TaskView]) -> list[str]:
        publications = (await self._system.reads.publications(self._tenant, _EVERYTHING)).items
        problems = await self._check(tasks, publications)
        spends = list(self._spends.values())
        table = Table(title="What happened", show_header=False)
        for name, value in (
            ("influencers that published", len({each.persona for each in publications})),
            ("posts and promotions published", len(publications)),
            ("held for a human", sum(task.status is TaskStatus.AWAITING_APPROVAL for task in tasks)),
            ("rejected by the Judge", sum(task.status is TaskStatus.REJECTED for task in tasks)),
            ("revised and published", sum(task.revision > 0 and task.url is not None for task in tasks)),
            ("spends authorised", sum(status in ("pending", "posted") for status in spends)),
            ("spends refused (403)", spends.count("refused")),
            ("checks that failed", len(problems)),
        ):
            table.add_row(name, str(value))
        self._console.print(table)
        await self._show_money()
        for problem in problems:
            self._console.print(f"[bold red]✗[/] {problem}", soft_wrap=True)
        if not problems:
            self._console.print("[green]✓[/] Every post is on the network once, signed, logged and paid for.")
        return problems

    async def _show_money(self) -> None:
        """The refusal in full, and the balance sheet that everything came to."""
        for spend in (await self._system.reads.spends(self._tenant, _EVERYTHING)).items:
            if spend.status == "refused":
                self._console.print(f"[magenta]CFO[/]  refused {spend.request['purpose']}:", soft_wrap=True)
                self._console.print_json(data=spend.answer)
        books = await self._system.books.books(self._tenant)
        for statement in books.statements:
            table = Table(title=f"Books in {statement.currency}, {books.first} to {books.last}")
            for column in ("", "", "opening", "movement", "closing"):
                table.add_column(column, justify="right" if column else "left")
            for line in [*statement.lines, statement.pending, statement.result]:
                amounts = (plain(amount) for amount in (line.opening, line.movement, line.closing))
                table.add_row(line.section.value, escape(line.name), *amounts)
            self._console.print(table)

    async def _check(self, tasks: Sequence[TaskView], publications: Sequence[PublicationView]) -> list[str]:
        problems = [f"{task.goal}: {task.cause}" for task in tasks if task.status is TaskStatus.DEAD_LETTER]
        problems += [f"{task.goal}: not published" for task in tasks if task.effect is EffectStatus.FAILED]
        if not publications:
            problems.append("nothing was published")
        if await self._system.reads.unbalanced(self._tenant):
            problems.append("the books do not balance")
        problems += await self._check_money()
        for publication in publications:
            lineage = await self._system.reads.lineage(self._tenant, publication.asset_id)
            problems += [f"{publication.url}: {why}" for why in self._flaws(lineage)]
        return problems + await self._compare(publications)

    async def _check_money(self) -> list[str]:
        """Whether every decision recomputes, no money is left pending, and wallets hold what the books say."""
        lines = [line async for line in self._system.books.evidence(self._tenant)]
        problems = [f"money: {problem}" for problem in evidence.check(map(Event.model_validate_json, lines))]
        statements = (await self._system.books.books(self._tenant)).statements
        problems += [
            f"money: {plain(one.pending.closing)} {one.currency} are still pending"
            for one in statements
            # A model call whose worker was killed keeps what it had reserved: nobody knows what it cost.
            if one.pending.closing and one.currency != "COMPUTE"
        ]
        if self._system.settings.funding_addresses:
            problems += await self._compare_wallets(statements)
        return problems

    async def _compare_wallets(self, statements: Sequence[Statement]) -> list[str]:
        booked = {(line.name, one.currency): line.closing for one in statements for line in one.of(Section.WALLET)}
        problems: list[str] = []
        for influencer in (await self._system.reads.influencers(self._tenant, _EVERYTHING)).items:
            wallet = await self._system.wallet_desk.show(self._tenant, influencer.persona)
            problems += [
                f"money: {influencer.persona} holds {held} {currency}, the books say {booked.get(key, 0)}"
                for currency, held in wallet.balances.items()
                if Decimal(held) != booked.get(key := (influencer.persona, currency), Decimal(0))
            ]
        return problems

    def _flaws(self, lineage: Lineage) -> list[str]:
        asset, flaws = lineage.asset, []
        if not statement_holds(asset.statement, asset, asset.cryptographic_signature, self._system.signer.public_key):
            flaws.append("its signature does not hold")
        if not lineage.log:
            flaws.append("no generation log")
        if not lineage.costs:
            flaws.append("no ledger entry")
        if asset.published_at is None:
            flaws.append("its provenance does not say that it was published")
        return flaws

    async def _compare(self, publications: Sequence[PublicationView]) -> list[str]:
        """Whether the network has exactly what was published: no post is missing, none is there twice."""
        accounts = {each.account for each in (await self._system.reads.influencers(self._tenant, _EVERYTHING)).items}
        posts: dict[str, str] = {}
        after: JsonValue = None
        while True:
            answer = await self._system.tools.call("twitter-mcp", "list_posts", {"limit": 500, "after": after})
            page = answer.data["posts"]
            rows = [row for row in page if isinstance(row, dict)] if isinstance(page, list) else []
            posts |= {str(row["id"]): str(row["text"]) for row in rows if str(row["url"]).split("/")[-2] in accounts}
            after = answer.data.get("next_after")
            if after is None:
                break
        written = [each for each in publications if each.kind in ("tweet", "thread", "reply")]
        expected = {id: text for each in written for id, text in zip(each.external_ids, each.parts, strict=True)}
        problems = [f"post {id} is not on the network" for id in expected.keys() - posts.keys()]
        problems += [f"post {id} is on the network and in no books" for id in posts.keys() - expected.keys()]
        problems += [
            f"post {id} is not what was approved"
            for id in expected.keys() & posts.keys()
            if content_hash([expected[id]]) != content_hash([posts[id]])
        ]
        return problems


def _line(task: TaskView) -> str:
    colour = _COLOURS.get(task.status, "cyan")
    score = f" {task.score:.2f}" if task.score is not None else ""
    refused = task.status in (TaskStatus.REJECTED, TaskStatus.AWAITING_APPROVAL)
    why = [*([task.cause] if task.cause else []), *(task.reasons[-1:] if refused else [])]
    name = task.node_key or task.kind.value
    effect = f" → {task.effect.value}" if task.effect else ""
    told = f" [dim]{escape('; '.join(why))}[/]" if why else ""
    return f"  {task.persona:15} {name:12} [{colour}]{task.status.value:17}[/]{score}{effect}{told}"


def _post(publication: PublicationView) -> Panel:
    text = "\n\n".join(publication.parts)
    title = f"[bold]{publication.persona}[/] · {publication.kind} · {publication.url}"
    return Panel(escape(text), title=title, title_align="left", border_style="blue", width=100)


def _read(kind: type[Kind], path: Path) -> Kind:
    try:
        return kind.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise Invalid(f"{path} cannot be read: {error}") from error
    except ValidationError as error:
        raise Invalid(f"{path} does not fit: {explain(error)}") from error
