#!/bin/sh
# Installs what the service tests start: PostgreSQL, Redis, RabbitMQ, git, and the OPA and Temporal
# servers. Run as often as you like. Only programs are installed: the tests start servers of their
# own, on free ports with private data, so a daemon that the package manager started on the way is
# stopped again.
set -eu
cd "$(dirname "$0")/.."

tools="$(pwd)/.tools"
opa=github.com/open-policy-agent/opa@v1.18.1
# The newest one that `go install` can build: later ones replace a module of theirs by a folder.
temporal=github.com/temporalio/cli/cmd/temporal@v1.5.1
failed=0

say() { printf 'services: %s\n' "$*"; }
have() { command -v "$1" >/dev/null 2>&1; }
have_rabbitmq() { [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || have rabbitmq-server; }
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
    have_rabbitmq || wanted="$wanted rabbitmq-server"
    if [ -z "$wanted" ]; then
        say "PostgreSQL, Redis, RabbitMQ and git are here"
        return
    fi
    if ! may_install; then
        lack "missing:$wanted. Ask somebody with root rights to run: apt-get install$wanted"
        return
    fi
    say "installing$wanted"
    redis_before=$(was_running redis-server)
    postgres_before=$(was_running postgres)
    rabbitmq_before=$(was_running beam.smp)
    mapper_before=$(was_running epmd)
    # shellcheck disable=SC2086  # a list of words
    if ! { root apt-get -qq update && root env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq install --yes --no-install-recommends $wanted; } >"$tools/packages.log" 2>&1; then
        lack "apt-get could not install$wanted; see .tools/packages.log"
    fi
    stop_if_started_here redis-server redis-server "$redis_before"
    stop_if_started_here postgres postgresql "$postgres_before"
    stop_if_started_here beam.smp rabbitmq-server "$rabbitmq_before"
    if [ "$mapper_before" = no ] && running epmd; then # RabbitMQ's port mapper; it refuses while it is used
        root epmd -kill >/dev/null 2>&1 || say "RabbitMQ's port mapper was started by its installation and stays"
    fi
}

build() { # program, module: with Go, into .tools/bin
    say "building $1 (once; takes some minutes)"
    GOBIN="$tools/bin" CGO_ENABLED=0 go install -ldflags="-s -w" "$2" 2>"$tools/$1-build.log"
}

build_opa() {
    if have opa || [ -x "$tools/bin/opa" ]; then
        say "OPA is here"
    elif have go; then
        build opa "$opa" || lack "go could not build OPA; see .tools/opa-build.log"
    else
        lack "OPA is missing and so is Go, which would build it; put an opa program on PATH"
    fi
}

build_temporal() { # nothing but tests of a second engine wants it, so a machine that cannot build it goes without
    rm -f "$tools/no-temporal"
    if have temporal || [ -x "$tools/bin/temporal" ]; then
        say "Temporal is here"
    elif ! have go; then
        echo "there is no Go to build it with" >"$tools/no-temporal"
    elif ! build temporal "$temporal"; then
        echo "Go could not build it; see .tools/temporal-build.log" >"$tools/no-temporal"
    fi
    if [ -e "$tools/no-temporal" ]; then say "going without Temporal: $(cat "$tools/no-temporal")"; fi
}

mkdir -p "$tools/bin"
install_packages
build_opa
build_temporal
exit "$failed"
