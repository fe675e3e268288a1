"""The board's pages and regions. Everything that is put into them is escaped unless it is markup of our own."""

import json
from collections.abc import Sequence

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from pydantic import JsonValue

from chimera.board import charts
from chimera.board.rooms import Pages
from chimera.board.static import URLS
from chimera_protocol.wire import Wire


class Templates:
    """The templates of the board and of all rooms, under one roof: a name is given once."""

    def __init__(self, pages: Sequence[Pages]) -> None:
        packages = dict.fromkeys(["chimera.board", *(each.package for each in pages)])
        self._pages = Environment(
            loader=ChoiceLoader([PackageLoader(package, "templates") for package in packages]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._pages.filters |= {
            "words": charts.words,
            "moment": charts.moment,
            "duration": charts.duration,
            "money": charts.money,
            "pretty": _pretty,
        }
        self._pages.tests["reachable"] = _reachable
        self._pages.globals |= {
            "static": URLS,
            "glyph": charts.glyph,
            "tier": charts.tier,
            "stack": charts.stack,
            "tally": charts.tally,
        }
        for each in pages:
            self._pages.filters |= each.filters
            self._pages.globals |= each.functions

    def render(self, name: str, **values: object) -> str:
        """A template with these values."""
        return self._pages.get_template(name).render(**values)

    def region(self, name: str, **values: object) -> Markup:
        """A part of a page that can change while it is looked at."""
        return Markup(self.render(f"regions/{name}.html", **values))


def _pretty(value: Wire | JsonValue) -> str:
    shown = value.model_dump(mode="json") if isinstance(value, Wire) else value
    return json.dumps(shown, indent=2, ensure_ascii=False)


def _reachable(url: str | None) -> bool:
    return url is not None and url.startswith(("https://", "http://"))
