"""Checks one file or text in a process of its own: whatever a stranger's file does to its reader, it does it here.

The request is a line of JSON on standard input, the answer a `FileVerdict` on standard output. Exit code 2, with the
reason on standard error, for a request that cannot be.
"""

import resource
import sys
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from chimera_credentials.sandbox import CheckOrder
from chimera_credentials.verifying import verify_file, verify_text
from chimera_protocol.errors import ChimeraError

_MEMORY = 2 << 30
_BOUNDS = (
    (resource.RLIMIT_CPU, 20),
    (resource.RLIMIT_CORE, 0),
    (resource.RLIMIT_FSIZE, 0),
    (resource.RLIMIT_AS, _MEMORY),
)
"""What one check may take: seconds, no dump, no file of its own, and bytes of memory."""


def main() -> int:
    """Read, check, answer."""
    for kind, most in _BOUNDS:
        with suppress(ValueError, OSError):  # not every system knows every bound
            resource.setrlimit(kind, (most, most))
    try:
        asked = CheckOrder.model_validate_json(sys.stdin.buffer.read())
        if asked.text is not None:
            verdict = verify_text(asked.text, asked.root_pem, stamp_pem=asked.stamp_pem)
        else:
            verdict = verify_file(Path(asked.path), asked.root_pem, stamp_pem=asked.stamp_pem)
    except (ChimeraError, ValidationError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(verdict.model_dump_json())
    return 0


if __name__ == "__main__":
    sys.exit(main())
