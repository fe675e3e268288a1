"""Write the JSON Schemas of the wire contracts to docs/contracts: `python tools/export_contracts.py [FOLDER]`."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel

from chimera.campaigns.types.brief import Brief
from chimera.campaigns.types.plans import PlanDraft
from chimera.money.types.authorization import Authorization, PolicyViolation, Settlement, TransactionRequest
from chimera.money.types.books import Books, BurnDown, ClosedSpend
from chimera.personas.types.persona import Soul
from chimera.personas.types.policy import Policy
from chimera.tasks.types.envelope import Envelope
from chimera.tasks.types.work import ExecutionResult, TaskDispatch, Verdict
from chimera_protocol.errors import Problem

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FOLDER = Path(__file__).parents[1] / "docs" / "contracts"
CONTRACTS: Mapping[str, type[BaseModel]] = {
    "task_dispatch": TaskDispatch,
    "execution_result": ExecutionResult,
    "transaction_request": TransactionRequest,
    "cfo_judge_response": Authorization,
    "policy_violation": PolicyViolation,
    "settlement": Settlement,
    "closed_spend": ClosedSpend,
    "books": Books,
    "burn_down": BurnDown,
    "envelope": Envelope,
    "verdict": Verdict,
    "plan": PlanDraft,
    "brief": Brief,
    "soul": Soul,
    "policy": Policy,
    "problem": Problem,
}


def schema(name: str) -> str:
    """The text of one file; the same code always gives the same text."""
    found = CONTRACTS[name].model_json_schema()
    whole = {"$schema": DIALECT, "$id": f"urn:chimera:contract:{name}", **found}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def main(folder: Path = FOLDER) -> None:
    """Write every schema, and remove files that belong to no contract any more."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.json"):
        if path.stem not in CONTRACTS:
            path.unlink()
    for name in CONTRACTS:
        (folder / f"{name}.json").write_text(schema(name), "utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
