"""Compile the token contract into the artifact that the chain, the signer and the wallet read."""

import json
import sys
from pathlib import Path

import vyper
from vyper.compiler import compile_code
from vyper.compiler.settings import Settings

EVM_VERSION = "cancun"
FOLDER = Path(__file__).parents[1] / "packages" / "chimera-wallet" / "src" / "chimera_wallet" / "tokens"


def build() -> str:
    """The artifact's text; the same source and compiler give the same text on every machine."""
    source = (FOLDER / "token.vy").read_text("utf-8")
    made = compile_code(
        source,
        output_formats=["abi", "bytecode"],
        settings=Settings(evm_version=EVM_VERSION),
    )
    artifact = {
        "compiler": f"vyper {vyper.__version__.partition('+')[0]}",
        "evm_version": EVM_VERSION,
        "bytecode": made["bytecode"],
        "abi": made["abi"],
    }
    return json.dumps(artifact, indent=1, sort_keys=True) + "\n"


def main() -> int:
    """Write token.json; with --check only say (1) whether it is out of date."""
    target = FOLDER / "token.json"
    if "--check" in sys.argv[1:]:
        return int(target.read_text("utf-8") != build())
    target.write_text(build(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
