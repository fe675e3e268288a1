#!/bin/sh
# Make the environments of the benchmarks beside the project's own: .venv-bench, and inside it `apart` for the peers that
# ask for other versions of what Chimera uses. What is installed already is left alone.
set -eu
cd "$(dirname "$0")/.."
: "${PYTHON:=python3}"

make_environment() { # folder, lock file
    if [ ! -x "$1/bin/python" ]; then
        "$PYTHON" -m venv "$1"
    fi
    if ! cmp -s "$2" "$1/installed.lock"; then
        "$1/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --requirement "$2"
        cp "$2" "$1/installed.lock"
    fi
}

make_environment .venv-bench bench/requirements.lock
make_environment .venv-bench/apart bench/apart.lock
# The project and its packages, without asking for anything that is not locked.
if ! .venv-bench/bin/python -c 'from importlib.metadata import version; version("chimera"), version("chimera-devnet")' 2>/dev/null; then
    set -- --editable .
    for package in packages/*; do set -- "$@" --editable "$package"; done
    .venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation "$@"
fi
