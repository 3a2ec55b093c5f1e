#!/bin/sh
# Installs what the service tests start: PostgreSQL, Redis, git and the OPA server. Run as often as
# you like. Only programs are installed: the tests start servers of their own, on free ports with
# private data, so a daemon that the package manager started on the way is stopped again.
set -eu
cd "$(dirname "$0")/.."

tools="$(pwd)/.tools"
opa=github.com/open-policy-agent/opa@v1.18.1
failed=0

say() { printf 'services: %s\n' "$*"; }
have() { command -v "$1" >/dev/null 2>&1; }
have_postgres() { have postgres || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1; }
running() { pgrep -x "$1" >/dev/null 2>&1; }

lack() {
    say "$1"
    failed=1
}

root() { # runs a command with the rights to install
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n -E "$@"; fi
}

may_install() {
    have apt-get && { [ "$(id -u)" = 0 ] || { have sudo && sudo -n true 2>/dev/null; }; }
}

stop_if_started_here() { # daemon, service, was it running before?
    if [ "$3" = no ] && running "$1"; then
        root service "$2" stop >/dev/null 2>&1 || say "$2 was started by its installation and could not be stopped"
    fi
}

was_running() { if running "$1"; then echo yes; else echo no; fi; }

install_packages() {
    wanted=""
    have git || wanted="$wanted git"
    have redis-server || wanted="$wanted redis-server"
    have_postgres || wanted="$wanted postgresql"
    if [ -z "$wanted" ]; then
        say "PostgreSQL, Redis and git are here"
        return
    fi
    if ! may_install; then
        lack "missing:$wanted. Ask somebody with root rights to run: apt-get install$wanted"
        return
    fi
    say "installing$wanted"
    redis_before=$(was_running redis-server)
    postgres_before=$(was_running postgres)
    # shellcheck disable=SC2086  # a list of words
    if ! { root apt-get -qq update && root env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq install --yes --no-install-recommends $wanted; } >"$tools/packages.log" 2>&1; then
        lack "apt-get could not install$wanted; see .tools/packages.log"
    fi
    stop_if_started_here redis-server redis-server "$redis_before"
    stop_if_started_here postgres postgresql "$postgres_before"
}

build_opa() {
    if have opa || [ -x "$tools/bin/opa" ]; then
        say "OPA is here"
    elif have go; then
        say "building OPA (once; takes some minutes)"
        GOBIN="$tools/bin" CGO_ENABLED=0 go install "$opa" 2>"$tools/opa-build.log" ||
            lack "go could not build OPA; see .tools/opa-build.log"
    else
        lack "OPA is missing and so is Go, which would build it; put an opa program on PATH"
    fi
}

mkdir -p "$tools/bin"
install_packages
build_opa
exit "$failed"
