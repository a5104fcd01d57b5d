#!/bin/sh
# smoke.sh BUILD - compare runs, with very few items, prints a row for every line, and leaves no process behind.
set -eu
build=$1
room=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
    echo "$0: $*" >&2
    cat "$scratch/err" >&2
    exit 1
}

compare() {
    TMPDIR=$scratch "$room/compare" --build "$build" "$@" >"$scratch/out" 2>"$scratch/err"
}

lines=ipc-forward,lifo,sync-ipc,handoff-ipc,threads,flood-batches,depth-get-us,queues-us
compare --any-build --rounds 2 --scale 0.01 --only "$lines" --json "$scratch/json" || fail "it failed"
rows=$(grep -c '^| .* | 2 |$' "$scratch/out") || fail "no rows"
[ "$rows" -eq 8 ] || fail "not eight rows of two rounds: $(cat "$scratch/out")"
grep -q '^Machine: ' "$scratch/out" || fail "no machine"
[ -z "$(find "$scratch" -name 'compare.*')" ] || fail "it left its directory behind"

compare --any-build --only no-such-line && fail "it measured nothing, and said nothing"
grep -q 'no line is called no-such-line' "$scratch/err" || fail "not a word about the line"
compare --any-build --build "$scratch" && fail "it ran without a build"
grep -q 'there is no build in' "$scratch/err" || fail "not a word about the build"
