"""The board's pages and regions. Everything that is put into them is escaped unless it is markup of our own."""

import json

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from pydantic import JsonValue

from chimera.board import charts, curves
from chimera.board.static import URLS
from chimera.wiring import served_name
from chimera_protocol.wire import Wire


def render(name: str, **values: object) -> str:
    """A template with these values."""
    return _PAGES.get_template(name).render(**values)


def region(name: str, **values: object) -> Markup:
    """A part of a page that can change while it is looked at."""
    return Markup(render(f"regions/{name}.html", **values))


def _pretty(value: Wire | JsonValue) -> str:
    shown = value.model_dump(mode="json") if isinstance(value, Wire) else value
    return json.dumps(shown, indent=2, ensure_ascii=False)


def _reachable(url: str | None) -> bool:
    return url is not None and url.startswith(("https://", "http://"))


_PAGES = Environment(
    loader=PackageLoader("chimera.board", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_PAGES.filters |= {
    "words": charts.words,
    "moment": charts.moment,
    "duration": charts.duration,
    "money": charts.money,
    "percent": curves.percent,
    "pretty": _pretty,
}
_PAGES.tests["reachable"] = _reachable
_PAGES.globals |= {
    "static": URLS,
    "served_name": served_name,
    "glyph": charts.glyph,
    "tier": charts.tier,
    "meter": charts.meter,
    "stack": charts.stack,
    "tally": charts.tally,
    "burndown": charts.burndown,
    "forecast": charts.forecast,
}
