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

# rows ROUNDS LINE...: these lines, and a row for each.
rows() {
    rounds=$1
    shift
    only=$(echo "$@" | tr ' ' ,)
    compare --any-build --rounds "$rounds" --scale 0.01 --only "$only" || fail "it failed"
    [ "$(grep -c "^| .* | $rounds |\$" "$scratch/out")" -eq $# ] || fail "not $# rows: $(cat "$scratch/out")"
}

rows 2 ipc-forward sync-ipc handoff-ipc
rows 1 lifo threads flood-batches depth-get-us queues-us
grep -q '^Machine: ' "$scratch/out" || fail "no machine"
[ -z "$(find "$scratch" -name 'compare.*')" ] || fail "it left its directory behind"

compare --any-build --only no-such-line && fail "it measured nothing, and said nothing"
grep -q 'no line is called no-such-line' "$scratch/err" || fail "not a word about the line"
compare --any-build --build "$scratch" && fail "it ran without a build"
grep -q 'there is no build in' "$scratch/err" || fail "not a word about the build"
