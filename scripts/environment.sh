#!/bin/sh
# Makes .venv from hashed locks, and the checkout itself importable in it.
#
#   scripts/environment.sh LOCK...
#
# Takes nothing for granted but a Python >= 3.11 somewhere (PYTHON names one; otherwise the usual names are tried). May be
# run again at any time: what is there and right stays. Every package comes from a lock, checked by its hash; the build of
# the checkout uses the locked backend too, so nothing unlocked is ever downloaded.
set -eu
cd "$(dirname "$0")/.."

fail() {
    printf '\n%s\n\n' "$*" >&2
    exit 1
}

is_new_enough='import sys; sys.exit(sys.version_info < (3, 11))'

find_python() {
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
        if "$candidate" -c "$is_new_enough" 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    seen=$("${PYTHON:-python3}" --version 2>&1) || seen="no python3 at all"
    fail "Madang needs Python 3.11 or newer; found: $seen.
Install one and try again, or name one: make run PYTHON=/path/to/python3.12"
}

make_venv() {
    python=$(find_python) || exit 1
    "$python" -c 'import venv, ensurepip' 2>/dev/null || fail "$("$python" --version) cannot make virtual environments: its venv module is missing.
On Debian or Ubuntu: apt-get install python3-venv"
    echo "Making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
}

# A .venv whose Python went away (an upgrade, a moved folder) is made again; so is one without pip.
[ -x .venv/bin/python ] && .venv/bin/python -c "$is_new_enough" 2>/dev/null && .venv/bin/python -c 'import pip' 2>/dev/null || make_venv

requirements=""
for lock in "$@"; do requirements="$requirements -r $lock"; done
pip=".venv/bin/python -m pip --disable-pip-version-check --no-input"
echo "Installing Madang's Python packages (a minute the first time)"
# shellcheck disable=SC2086 # a list of words on purpose
$pip install --quiet --require-hashes $requirements
$pip install --quiet --no-deps --no-build-isolation --editable .
