#!/bin/sh
# On a terminal put and join show how far they are, on one line that goes away; -q and pipes are spared.
# shellcheck source=tests/cli/cli.sh
. "$(dirname "$0")/cli.sh"

# on_terminal COMMAND: a shell command whose stderr is a terminal; what that shows is in `shown`.
on_terminal() {
    script -q -f -e -c "$1" shown >/dev/null </dev/null
}

mkfifo pipe
on_terminal 'mq put q -l <pipe' &
putter=$!
exec 3<>pipe # for writing alone it would wait for a reader, and there may be none
tries=0
until grep -q '[0-9] stored, 0.0 MiB' shown 2>/dev/null; do
    echo line >&3
    mq get never -t 50ms 2>/dev/null || :
    tries=$((tries + 1))
    [ "$tries" -lt 400 ] || fail "no progress is shown"
done
exec 3>&-
ends "$putter" 0
grep -q "mq: put: $(mq stat q | sed -n 's/^puts: //p') stored" shown || fail "no sum: $(cat shown)"

mq put q -l -f /dev/null
on_terminal 'mq -q put q x; mq purge q -q'
! grep -q stored shown || fail "-q is not quiet"

mq put j x
on_terminal 'mq join j' &
joiner=$!
eventually grep -q '1 unfinished: 1 waiting, 0 leased' shown
mq get j >/dev/null
ends "$joiner" 0

# An import shows how far it is; an export is not written to a terminal.
mq purge q -q
seq 1 1000 | mq put q -l
mq export q -q >q.mq
rm -f shown
on_terminal 'mq import --into q2 <pipe' &
importer=$!
exec 3<>pipe
at=0
until grep -q '[0-9] stored, 0.0 MiB' shown 2>/dev/null; do
    tail -c +$((at + 1)) q.mq | head -c 100 >&3
    at=$((at + 100))
    mq get never -t 50ms 2>/dev/null || :
    [ "$at" -lt 9000 ] || fail "no progress is shown"
done
tail -c +$((at + 1)) q.mq >&3
exec 3>&-
ends "$importer" 0
grep -q 'mq: import: 1000 items stored in 1 queue' shown || fail "no sum: $(cat shown)"
code=0
on_terminal 'mq export q' || code=$?
[ "$code" -eq 64 ] || fail "an export to a terminal ended with $code"
grep -q 'not for terminals' shown || fail "not told: $(cat shown)"
code=0
on_terminal 'mq import </dev/tty' || code=$?
[ "$code" -eq 64 ] || fail "an import from a terminal ended with $code"
