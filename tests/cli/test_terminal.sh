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
