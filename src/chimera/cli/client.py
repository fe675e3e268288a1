"""The API from the command line: where it is, with which key, and what it says in plain words."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import httpx2
import typer
from pydantic import JsonValue, TypeAdapter, ValidationError
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Column, Table

VALUE: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)
ADDRESS: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


_TIMEOUT = 30
_UNBOUNDED = 10_000


def call(method: str, path: str, body: JsonValue = None, headers: Mapping[str, str] | None = None) -> JsonValue:
    """One request. A problem is told on stderr, with what to do, and ends the program with exit code 1."""
    url, key = _where()
    try:
        response = httpx2.request(
            method,
            f"{url}{path}",
            json=body,
            headers={"Authorization": f"Bearer {key}", **(headers or {})},
            timeout=_TIMEOUT,
        )
    except httpx2.HTTPError as error:
        _nobody(url, error)
    return _answer(url, response)


def save(path: str, output: Path | None) -> None:
    """Write what the API streams to a file, whole or not at all; to standard output when there is none."""
    url, key = _where()
    part = output.with_name(f"{output.name}.part") if output is not None else None
    try:
        with httpx2.stream(
            "GET", f"{url}{path}", headers={"Authorization": f"Bearer {key}"}, timeout=_TIMEOUT
        ) as response:
            if not response.is_success:
                response.read()
                _answer(url, response)
            if output is None or part is None:
                for piece in response.iter_bytes():
                    sys.stdout.buffer.write(piece)
                sys.stdout.buffer.flush()
                return
            with part.open("wb") as file:
                for piece in response.iter_bytes():
                    file.write(piece)
        part.replace(output)
    except httpx2.HTTPError as error:
        _nobody(url, error)
    except OSError as error:
        fail(f"{output} cannot be written: {error}")
    finally:
        if part is not None:
            part.unlink(missing_ok=True)


def _nobody(url: str, error: Exception) -> NoReturn:
    fail(f"nobody answers at {url}: {error}", "Start Chimera with 'chimera up', or set CHIMERA_URL.")


def _answer(url: str, response: httpx2.Response) -> JsonValue:
    try:
        answer = VALUE.validate_json(response.content) if response.content else None
    except ValidationError:
        fail(f"{url} answered with something else than JSON", "Check CHIMERA_URL.")
    if response.is_success:
        return answer
    if isinstance(answer, dict) and "detail" in answer:
        fail(f"{answer.get('title')}: {answer['detail']}", str(answer.get("remedy", "")))
    out.print_json(json.dumps(answer))
    raise typer.Exit(1)


def say(answer: JsonValue, as_json: bool) -> None:
    """An answer as JSON, or a line for each of its fields."""
    if as_json or not isinstance(answer, dict):
        out.print_json(json.dumps(answer))
        return
    for name, value in answer.items():
        out.print(f"[bold]{name}[/] {escape(str(value))}", soft_wrap=True)


def show(answer: JsonValue, as_json: bool, columns: Sequence[str]) -> None:
    """A list as JSON, or as a table of these columns; where that is too wide, as a block for each row."""
    if as_json:
        out.print_json(json.dumps(answer))
        return
    table = Table(*(Column(name, no_wrap=name.endswith("_id")) for name in columns), box=SIMPLE_HEAD, pad_edge=False)
    cells = [[_cell(item.get(name)) for name in columns] for item in rows(answer)]
    for row in cells:
        table.add_row(*(escape(cell) for cell in row))
    if Measurement.get(out, out.options.update(max_width=_UNBOUNDED), table).minimum <= out.width:
        out.print(table)
        return
    for head, *rest in cells:
        out.print(f"[bold]{escape(head)}[/]")
        told = ((name, cell) for name, cell in zip(columns[1:], rest, strict=True) if cell)
        out.print(Padding(" ".join(f"[dim]{name}[/] {escape(cell)}" for name, cell in told), (0, 0, 0, 2)))


def _cell(value: JsonValue) -> str:
    """A value in a table: what counts things as `what count`, nothing for nothing."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return str(value)


def rows(answer: JsonValue) -> list[dict[str, JsonValue]]:
    """The rows of a list or of a page."""
    items = answer.get("items", []) if isinstance(answer, dict) else answer
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def fail(what: str, remedy: str = "") -> NoReturn:
    """Say what is wrong and what to do, and end the program."""
    err.print(f"[red]chimera:[/] {what}", soft_wrap=True)
    if remedy:
        err.print(f"  {remedy}", soft_wrap=True)
    raise typer.Exit(1)


def _where() -> tuple[str, str]:
    """CHIMERA_URL and CHIMERA_KEY, else what the Chimera that runs from this state folder has left."""
    url, key = os.environ.get("CHIMERA_URL"), os.environ.get("CHIMERA_KEY")
    if url and key:
        return url.rstrip("/"), key
    path = Path(os.environ.get("CHIMERA_STATE", ".chimera")) / "address.json"
    try:
        known = ADDRESS.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        fail(
            "no Chimera is known here",
            "Start one with 'chimera up' or 'chimera demo', or set CHIMERA_URL and CHIMERA_KEY.",
        )
    return (url or known["url"]).rstrip("/"), key or known["key"]
