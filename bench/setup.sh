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
# The project itself with its packages, without asking for anything that is not locked.
if ! .venv-bench/bin/python -c 'import chimera, chimera_devnet' 2>/dev/null; then
    for project in packages/* .; do
        .venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
            --editable "$project" 2>/dev/null ||
            echo "$PWD/$project/src" >"$(.venv-bench/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/$(basename "$PWD/$project")-src.pth"
    done
fi
