#!/bin/sh
# Makes .venv hold what requirements/<kind>.txt pins, and this source tree beside it.
#
#   deploy/environment.sh runtime     enough to run Avow
#   deploy/environment.sh dev         the same, and what checks it
#
# A good .venv is left alone, and a dev one serves for runtime too. Needs Python 3.11 or newer
# with its venv module, and nothing else; PYTHON=... names one that is not on PATH.
set -eu
cd "$(dirname "$0")/.."

kind=${1:?runtime or dev}
here=$(pwd)
venv=.venv
pins="$(cat requirements/runtime.txt requirements/dev.txt | cksum | tr ' ' '-') $here"
source="$(cksum <pyproject.toml | tr ' ' '-') $here"

new_enough() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

any_python() {
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    echo "Avow needs Python 3.11 or newer with its venv module; none of" \
        "\"${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}\" is one." \
        "Install it (Debian: apt-get install python3 python3-venv) or name it: make PYTHON=/path/to/python" >&2
    exit 1
}

holds() { # does .venv work, and was this kind installed from these pins?
    [ "$(cat "$venv/.pins-$1" 2>/dev/null)" = "$pins" ] && "$venv/bin/python" -c '' 2>/dev/null
}

pip_install() {
    "$venv/bin/python" -m pip --disable-pip-version-check --no-input --quiet install --no-warn-script-location "$@"
}

if ! holds dev && ! holds "$kind"; then
    if ! holds runtime; then
        python=$(any_python)
        echo "Preparing .venv with $("$python" --version) (once; takes a minute)" >&2
        "$python" -m venv --clear "$venv"
    fi
    pip_install --no-compile --only-binary :all: --require-hashes --requirement "requirements/$kind.txt"
    rm -f "$venv/.source"
    echo "$pins" >"$venv/.pins-$kind"
fi
if [ "$(cat "$venv/.source" 2>/dev/null)" != "$source" ]; then
    pip_install --no-deps --no-build-isolation --editable .
    echo "$source" >"$venv/.source"
fi
