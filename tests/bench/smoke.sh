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
    compare --any-build --rounds "$rounds" --scale 0.01 --only "$only" --into "$scratch/document" || fail "it failed"
    [ "$(grep -c "^| .* | $rounds |\$" "$scratch/out")" -eq $# ] || fail "not $# rows: $(cat "$scratch/out")"
}

printf 'before\n<!-- compare -->\nold\n<!-- end of compare -->\nafter\n' >"$scratch/document"
rows 2 ipc-forward sync-ipc handoff-ipc
rows 1 lifo threads flood-batches depth-get-us queues-us
grep -q '^Machine: ' "$scratch/out" || fail "no machine"
{ printf 'before\n<!-- compare -->\n' && cat "$scratch/out" && printf '<!-- end of compare -->\nafter\n'; } |
    cmp -s - "$scratch/document" || fail "not what it printed: $(cat "$scratch/document")"
[ -z "$(find "$scratch" -name 'compare.*')" ] || fail "it left its directory behind"
! grep -qs "$scratch/[c]ompare" /proc/[0-9]*/cmdline || fail "it left a server behind"

compare --any-build --only no-such-line && fail "it measured nothing, and said nothing"
grep -q 'no line is called no-such-line' "$scratch/err" || fail "not a word about the line"
compare --any-build --into "$0" && fail "it would measure, and has no place to put the table"
grep -q 'has no place for the table' "$scratch/err" || fail "not a word about the document"
compare --any-build --build "$scratch" && fail "it ran without a build"
grep -q 'there is no build in' "$scratch/err" || fail "not a word about the build"
