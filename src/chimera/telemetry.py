"""Logs as JSON lines without secrets, traces on request (OPS-4)."""

import logging
import re
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import TextIO

import structlog
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

_SECRET_NAMES = re.compile(r"key$|secret|password|token$|authorization|cookie", re.IGNORECASE)
_SECRET_VALUES = re.compile(r"chm_[\w-]{8,}|(?<=://)([^:@/\s]*):[^@/\s]+(?=@)|sk-[\w-]{8,}")
_PUBLIC_NAMES = frozenset({"idempotency_key", "node_key"})


def configure(level: str, stream: TextIO | None = None, traces: Path | None = None) -> None:
    """Set up this process: JSON lines on `stream` (stderr), spans as JSON lines in the file `traces`."""
    out = stream or sys.stderr
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            hide_secrets,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping().get(level.upper(), 20)),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=True,
    )
    if traces is not None:
        trace.set_tracer_provider(span_file(traces))


def span_file(path: Path) -> TracerProvider:
    """Spans as JSON lines in a file; `OTEL_…` variables set resource and sampling as usual."""
    provider = TracerProvider(resource=Resource.create({"service.name": "chimera"}))
    lines = path.open("a", encoding="utf-8")
    exporter = ConsoleSpanExporter(out=lines, formatter=lambda span: span.to_json(indent=None) + "\n")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def hide_secrets(_: object, __: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    """Blank out what is named or looks like a key, password or token."""
    for name, value in event.items():
        if _SECRET_NAMES.search(name) and name not in _PUBLIC_NAMES:
            event[name] = "***"
        elif isinstance(value, str):
            event[name] = _SECRET_VALUES.sub(_blank, value)
    return event


def _blank(found: "re.Match[str]") -> str:
    return f"{found[1]}:***" if found[1] is not None else "***"
