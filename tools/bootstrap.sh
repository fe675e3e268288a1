#!/bin/sh
# Makes .venv with what the lock files name, and the project itself. Usage: tools/bootstrap.sh run|dev
# A second call finds its stamp and does nothing. CHIMERA_PYTHON names the Python to use, if it must be a certain one.
set -eu

mode=${1:-run}
case $mode in
    run) lock=requirements.lock ;;
    dev) lock=requirements-dev.lock ;;
    *)
        echo "usage: $0 run|dev" >&2
        exit 64
        ;;
esac

CDPATH='' cd -- "$(dirname -- "$0")/.."
folder=$(pwd -P)
venv=$folder/.venv
python=$venv/bin/python
# First line: what the installation was made from, or "unfinished". Second line: where it was made.
stamp=$venv/chimera-stamp
log=$venv/chimera-bootstrap.log

say() { printf 'bootstrap: %s\n' "$*"; }

fail() {
    printf 'bootstrap: %s\n' "$*" >&2
    exit 1
}

mark() {
    printf '%s\n' "$1" "$folder" >"$stamp.new"
    mv "$stamp.new" "$stamp"
}

fingerprint() {
    version=$("$python" -c 'import sys; print(sys.version)' 2>/dev/null) || return 0
    { printf '%s\n' "$version"; cat requirements.lock requirements-dev.lock pyproject.toml packages/*/pyproject.toml; } | cksum
}

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

usable() { "$python" -m pip --version >/dev/null 2>&1 && new_enough "$python"; }

# The first Python that can make an environment by itself, else the first that is new enough.
find_python() {
    spare=''
    for name in ${CHIMERA_PYTHON:+"$CHIMERA_PYTHON"} python3.11 python3.12 python3.13 python3.14 python3; do
        new_enough "$name" || continue
        if "$name" -c 'import ensurepip, venv' 2>/dev/null; then
            printf '%s\n' "$name"
            return
        fi
        spare=${spare:-$name}
    done
    printf '%s\n' "$spare"
}

# One way to make the environment, in silence; what it had to say is shown when all ways have failed.
attempt() { "$@" >>"$log" 2>&1 && usable; }

install_venv_module() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    say "installing $package with apt-get"
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y "$package"; } >>"$log" 2>&1
}

make_venv() {
    base=$(find_python)
    [ -n "$base" ] || fail "Chimera needs Python 3.11 or newer; install it" \
        "(Debian: apt-get install python3 python3-venv; macOS: brew install python) or name it in CHIMERA_PYTHON"
    package=$("$base" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    say "making .venv with $("$base" --version)"
    rm -rf "$venv"
    mkdir "$venv"
    mark unfinished
    attempt "$base" -m venv "$venv" ||
        attempt "$base" -m virtualenv "$venv" ||
        attempt virtualenv --python "$base" "$venv" ||
        attempt uv venv --seed --allow-existing --python "$base" "$venv" ||
        { install_venv_module && attempt "$base" -m venv "$venv"; } || {
        tail -n 20 "$log" >&2
        fail "this Python cannot make an environment; as root run: apt-get install $package"
    }
}

# pip shows its progress to a person and is quiet in a log.
pip() { if [ -t 1 ]; then "$python" -m pip "$@"; else "$python" -m pip -qq "$@"; fi; }

state='' place=$folder
if [ -f "$stamp" ]; then
    { read -r state && IFS= read -r place; } <"$stamp" || state=unfinished
    if [ "$place" = "$folder" ]; then
        made_from=$(fingerprint)
        # What serves the tests serves a run as well.
        case $state in "$made_from $mode" | "$made_from dev") exit 0 ;; esac
    fi
fi

export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_INPUT=1

# The scripts of an environment that was moved name another place, and one that was cut short may lack anything.
if [ "$state" = unfinished ] || [ "$place" != "$folder" ] || ! usable; then
    make_venv
fi
mark unfinished
say "installing the packages of $lock"
pip install --require-hashes --no-deps -r "$lock"
say "installing chimera and its packages"
set -- --editable .
for package in packages/*; do set -- "$@" --editable "$package"; done
"$python" -m pip -qq install --no-deps --no-build-isolation "$@"
mark "$(fingerprint) $mode"
say "ready"
