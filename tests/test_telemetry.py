"""Logs are JSON lines, and no secret gets into them (OPS-4)."""

import io
import json
from pathlib import Path

import pytest
import structlog
from opentelemetry import trace

from chimera import telemetry


@pytest.mark.parametrize(
    "said",
    [
        {"key": "chm_abcdefgh12345678"},
        {"event": "called with chm_abcdefgh12345678"},
        {"url": "postgresql://chimera:hunter2@127.0.0.1/x"},
        {"url": "redis://:hunter2@127.0.0.1/0"},
        {"password": "hunter2"},
        {"cause": "key sk-abcdefgh12345678 was refused"},
    ],
)
def test_secrets_are_blanked(said: dict[str, object]) -> None:
    told = json.dumps(telemetry.hide_secrets(None, "info", dict(said)))

    assert "hunter2" not in told
    assert "abcdefgh" not in told
    assert "***" in told


def test_ordinary_words_stay() -> None:
    said: dict[str, object] = {"idempotency_key": "chm-1", "execution_id": "uuid-12345", "tokens": 12}
    assert telemetry.hide_secrets(None, "info", dict(said)) == said


def test_a_log_line_is_one_json_object() -> None:
    out = io.StringIO()
    telemetry.configure("INFO", stream=out)
    structlog.get_logger().bind().info("tool", server="news-mcp")
    structlog.reset_defaults()

    line = json.loads(out.getvalue())
    assert (line["event"], line["server"], line["level"]) == ("tool", "news-mcp", "info")


def test_spans_are_written_with_their_execution_id(tmp_path: Path) -> None:
    exporter = telemetry.span_file(tmp_path / "spans.jsonl")
    with exporter.get_tracer("test").start_as_current_span("swarm.work", attributes={"execution_id": "uuid-12345"}):
        assert trace.get_current_span().is_recording()
    exporter.shutdown()

    span = json.loads((tmp_path / "spans.jsonl").read_text().splitlines()[0])
    assert span["attributes"]["execution_id"] == "uuid-12345"
