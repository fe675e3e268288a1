"""What a command is described by, once: its name, what it asks the API, its parameters, how the answer is shown.

A room writes

    @campaigns.asks("pause", "POST /v1/campaigns/{campaign}/pause")
    def pause(campaign: Campaign) -> None:
        '''Stop starting work.'''

and the function gives back the body of the request, or for GET its query; None when there is none.
"""

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple, ParamSpec, get_args
from urllib.parse import quote, urlencode

import typer
import yaml
from pydantic import JsonValue

from chimera.cli.client import VALUE, call, fail, out, say, show
from chimera.cli.naming import Named, identify

P = ParamSpec("P")

AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
File = Annotated[Path, typer.Argument(help="YAML or JSON file.", exists=True, dir_okay=False)]
Note = Annotated[str | None, typer.Option(help="Why; it is kept with the verdict.")]
Id = Annotated[str, typer.Argument(help="Its id, as the list has it.")]
Campaign = Annotated[str, typer.Argument(help="Its name or id."), Named.CAMPAIGN]
Key = Annotated[str, typer.Argument(help="Its name or id."), Named.KEY]
OfInfluencer = Annotated[str | None, typer.Option(help="Only this influencer, by its name or id."), Named.INFLUENCER]
OfCampaign = Annotated[str | None, typer.Option(help="Only this campaign, by its name or id."), Named.CAMPAIGN]


class Sent(NamedTuple):
    """A body that needs headers beside it."""

    body: JsonValue
    headers: Mapping[str, str]


class Shown(NamedTuple):
    """How an answer is shown to people; `--json` prints it as it is."""

    by: Callable[[JsonValue], None] | None = None
    columns: Sequence[str] = ()
    switch: bool = True
    """Whether there is a `--json`; else the answer is JSON anyway."""

    def __call__(self, answer: JsonValue, as_json: bool) -> None:
        if as_json or not self.switch:
            out.print_json(json.dumps(answer))
        elif self.by is not None:
            self.by(answer)
        elif self.columns:
            show(answer, False, self.columns)
        else:
            say(answer, False)


FIELDS = Shown()
"""A line for each field of the answer."""

JSON = Shown(switch=False)
"""As JSON, whether asked for or not."""


def table(*columns: str) -> Shown:
    """A table of these columns, or a block for each row where it is too wide."""
    return Shown(columns=columns)


def asks(request: str, shown: Shown | None = None) -> Callable[[Callable[P, JsonValue | Sent]], Callable[..., None]]:
    """A command that is one request, such as `POST /v1/campaigns/{campaign}/start`; silent when nothing is shown."""
    method, _, template = request.partition(" ")

    def made(function: Callable[P, JsonValue | Sent]) -> Callable[..., None]:
        signature = inspect.signature(function, eval_str=True)
        named = {name: kind for name, each in signature.parameters.items() if (kind := _kind(each)) is not None}

        def command(*args: P.args, **given: P.kwargs) -> None:
            as_json = bool(given.pop("as_json", False))
            for name, kind in named.items():
                if isinstance(value := given[name], str):
                    given[name] = identify(kind, value)
            sent = function(*args, **given)
            body, headers = sent if isinstance(sent, Sent) else (sent, None)
            path = template.format_map({name: quote(str(value), safe="") for name, value in given.items()})
            if method == "GET" and isinstance(body, dict):
                query = urlencode({name: value for name, value in body.items() if value})
                path, body = f"{path}?{query}" if query else path, None
            answer = call(method, path, body, headers)
            if shown is not None:
                shown(answer, as_json)

        parameters = [*signature.parameters.values()]
        if shown is not None and shown.switch:
            parameters.append(
                inspect.Parameter("as_json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=AsJson)
            )
        command.__dict__["__signature__"] = signature.replace(parameters=parameters, return_annotation=None)
        command.__doc__, command.__name__ = function.__doc__, function.__name__
        return command

    return made


class Room(typer.Typer):
    """The sub-commands of a room."""

    def __init__(self, help: str, *, no_args_is_help: bool = True) -> None:
        super().__init__(help=help, no_args_is_help=no_args_is_help, add_completion=False)

    def asks(
        self, name: str, request: str, shown: Shown | None = None
    ) -> Callable[[Callable[P, JsonValue | Sent]], Callable[..., None]]:
        """Add a command that is one request."""
        return lambda function: self.command(name)(asks(request, shown)(function))


def read(path: Path) -> JsonValue:
    """What a YAML or JSON file holds."""
    try:
        return VALUE.validate_python(yaml.safe_load(path.read_text("utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        fail(f"{path} is neither YAML nor JSON: {error}")


def _kind(parameter: inspect.Parameter) -> Named | None:
    return next((mark for mark in get_args(parameter.annotation) if isinstance(mark, Named)), None)
