#!/bin/sh
# One command for everything: ./manage.sh help
set -eu

ROOT=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}
export ALPHAMESH_HOME="${ALPHAMESH_HOME:-$ROOT/.mesh}"
export ALPHAMESH_BIN="${ALPHAMESH_BIN:-$TARGET/release}"
export ALPHAMESH_SOURCE="$ROOT"

usage() {
    cat <<'TEXT'
./manage.sh WORD ...

Run
  up [PROFILE]        build, and start the mesh; PROFILE: paper (default), live-data, research, test
                      --topology FILE starts your own; --no-build takes the binaries as they are
  down                stop it
  status [--json]     each process: state, uptime, restarts, rates, lag, memory
  top                 the same and more, in a view that stays
  logs [NAME] [-f]    what the processes say, in one stream
  restart|stop|start NAME
  kill [--close-only|--halt-all|--hard|--reset] [--reason TEXT]
                      switch trading off, or on again
  flatten [--yes]     cancel every order and sell every asset at the venue; needs nothing of the mesh
  positions, pnl      what is held and what was earned, by strategy and instrument
  order ls|place|cancel
                      a person's orders, past risk as every other
  audit               everything counted a second time, against what the ledgers say
  ledger check|backup the ledgers against their audit logs; copies while they are written
  export systemd|compose --out DIR
                      the same topology for another supervisor
  doctor              what is missing on this machine, and how to get it

Look
  venues [--json]     each adapter: its feed, its books' health, rates, delays
  instruments [--venue V] [--search TEXT] [--json]
                      what can be traded, in which steps
  book INSTRUMENT     an order book, live; --once and --json for scripts
  candles INSTRUMENT INTERVAL [--from T] [--to T] [--plot] [--json]
                      what the candle service has kept
  tap RELAY           the messages that a relay carries, as they pass; RELAY: market, signal, execution
  decode FILE|-       messages in a capture log or in raw bytes
  trace ID            from a message or order back to the venue's packet, with the time of each hop
  why ORDER           the same of an order, with every gate of risk and its margin; why-not SYMBOL: what was not traded, and why
  capture ls|verify|cat|cut|export
  replay              a capture log into relays again
  venue decode|sign   what a venue said, as JSON lines with books and counts; a request signed with a test key

Research
  backtest            a strategy over history: figures, trades, equity, a report
  indicators          indicators over bars, as CSV
  stats STATISTIC     how much of returns, trials or trades is luck: sharpe, psr, dsr, pbo, bootstrap ...
  sweep run SPEC      a search of parameters, resumable; then ls, show ID, top ID, plot ID, resume ID, export ID

Develop
  build               build the binaries of the mesh
  new strategy NAME   a crate that compiles, with a replay test
  check [PROFILE]     check a topology and each process's settings
  test [FILTER]       all tests, or those whose names hold FILTER
  test gpu            whole studies on this machine's GPU against the CPU, bit for bit
  bench NAME          measure: bus, oms, path, start, sweep, venues, all; `bench --help` says more
  fuzz NAME --seconds N, fuzz --list
  sim [--seeds N] [--seed S] [--minutes M]
                      the trading path in one thread under everything that can go wrong, seed by seed

Every other word goes to `mesh`; `./manage.sh mesh --help` lists its words.
TEXT
}

fail() {
    echo "manage.sh: $*" >&2
    exit 1
}

# Where cargo is called from elsewhere, .cargo/config.toml is not read.
export CUDA_LIBRARY_PATH="${CUDA_LIBRARY_PATH:-$ROOT/services/research/sweep/driver/cuda}"

need_tools() {
    rustup=${CARGO_HOME:-${HOME:-}/.cargo}/bin
    if ! command -v cargo >/dev/null && [ -x "$rustup/cargo" ]; then
        PATH="$rustup:$PATH"
    fi
    command -v cargo >/dev/null ||
        fail "cargo is missing. Get Rust's stable toolchain: curl --proto '=https' -sSf https://sh.rustup.rs | sh"
    command -v cc >/dev/null ||
        fail "a C compiler (cc) is missing. On Debian: apt-get install gcc libc6-dev"
}

# Programs that `up` alone does not start: people do, or another profile than the default.
ADAPTERS='adapter-hyperliquid adapter-kraken adapter-okx'
TOOLS="$ADAPTERS backtest executor-binance replayer stats sweep venue"

# What `up` starts, and the tools that are named or there already: old ones would speak of another mesh.
build() {
    need_tools
    echo "Building (release); the first time takes some minutes." >&2
    cargo build --release --bins --manifest-path "$ROOT/Cargo.toml"
    for tool in $TOOLS; do
        case " $* " in
        *" $tool "*) build_tool "$tool" ;;
        *) [ ! -x "$ALPHAMESH_BIN/$tool" ] || build_tool "$tool" ;;
        esac
    done
}

build_tool() {
    cargo build --release --bins --manifest-path "$ROOT/Cargo.toml" --package "$1"
}

# Runs a word of `mesh` whose program is built when it is first asked for.
with_tool() {
    if [ ! -x "$ALPHAMESH_BIN/$1" ]; then
        need_tools
        echo "Building $1 (release), this once." >&2
        build_tool "$1"
    fi
    shift
    mesh "$@"
}

# Runs mesh as it was built last.
mesh() {
    [ -x "$ALPHAMESH_BIN/mesh" ] ||
        fail "mesh is not built: there is no $ALPHAMESH_BIN/mesh. ./manage.sh up builds and starts everything, ./manage.sh build only builds"
    exec "$ALPHAMESH_BIN/mesh" "$@"
}

# All tests; those of the crate of this name; or those with this in their name or their crate's.
run_tests() {
    need_tools
    cd "$ROOT"
    unset ALPHAMESH_HOME
    export ALPHAMESH_BIN="$TARGET/debug"
    filter=${1:-}
    case $filter in '' | -*) filter='' ;; *) shift ;; esac
    if [ -n "$filter" ] && cargo pkgid --quiet "$filter" >/dev/null 2>&1; then
        set -- --package "$filter" "$@"
        filter=
    else
        # The end-to-end tests start the real processes.
        cargo build --workspace --bins
        set -- --workspace "$@"
    fi
    if cargo nextest --version >/dev/null 2>&1; then
        [ -z "$filter" ] || set -- "$@" -E "test(~$filter) + binary_id(~$filter)"
        exec cargo nextest run --no-fail-fast "$@"
    fi
    [ -z "$filter" ] || set -- "$@" "$filter"
    exec cargo test --no-fail-fast "$@"
}

# Says on which card, how long it took, or that there is none.
test_gpu() {
    need_tools
    exec cargo test --quiet --release --manifest-path "$ROOT/Cargo.toml" -p sweep --test gpu -- --nocapture "$@"
}

word=${1:-help}
[ $# -eq 0 ] || shift
case $word in
help | -h | --help) usage ;;
up)
    build=yes
    tools=
    for argument; do
        shift
        case $argument in
        --no-build) build=no ;;
        -h | --help) build=no && set -- "$@" "$argument" ;;
        live-data) tools=$ADAPTERS && set -- "$@" "$argument" ;;
        research) tools=sweep && set -- "$@" "$argument" ;;
        *) set -- "$@" "$argument" ;;
        esac
    done
    [ "$build" = no ] || build $tools
    mesh up "$@"
    ;;
build) build $TOOLS ;;
doctor)
    # Before anything is built this script is all there is.
    [ -x "$ALPHAMESH_BIN/mesh" ] || { need_tools && build; }
    mesh doctor "$@"
    ;;
test)
    case ${1:-} in
    gpu) shift && test_gpu "$@" ;;
    *) run_tests "$@" ;;
    esac
    ;;
bench)
    need_tools
    exec cargo run --release --quiet --manifest-path "$ROOT/Cargo.toml" -p test-bench -- "$@"
    ;;
sim)
    need_tools
    exec cargo run --release --quiet --manifest-path "$ROOT/Cargo.toml" -p test-sim -- "$@"
    ;;
fuzz)
    if [ "${1:-}" = --list ]; then
        "$ROOT/scripts/fuzz.sh" | cut -d ' ' -f 1
        exit
    fi
    need_tools
    exec "$ROOT/scripts/fuzz.sh" "$@"
    ;;
backtest | indicators) with_tool backtest "$word" "$@" ;;
replay) with_tool replayer "$word" "$@" ;;
stats | sweep | venue) with_tool "$word" "$word" "$@" ;;
mesh) mesh "$@" ;;
*) mesh "$word" "$@" ;;
esac
