# shellcheck shell=sh disable=SC2154,SC2034
# cli.sh - for the tests of the command: a broker, and words to say what is expected of mq.
#
# Sourced by NAME.sh BUILD. Works in a scratch directory; `out` and `err` there are what the last `expect` printed.
build=$1
room=$(cd "$(dirname "$0")" && pwd)
. "$room/../e2e/support/broker.sh"
PATH=$build:$PATH
export PATH
unset POSIXLY_CORRECT
start_broker mq-broker
cd "$scratch" || exit 1

# check TEST...: it holds.
check() {
    "$@" || fail "not so: $*"
}

# expect CODE COMMAND...: it ends with this code.
expect() {
    wanted=$1
    shift
    code=0
    "$@" >out 2>err </dev/null || code=$?
    [ "$code" -eq "$wanted" ] || fail "exit code $code, not $wanted, of: $* -- stdout: $(head -c 300 out) -- stderr: $(cat err)"
}

# The same with this on stdin.
expect_from() {
    input=$1 wanted=$2
    shift 2
    code=0
    "$@" >out 2>err <"$input" || code=$?
    [ "$code" -eq "$wanted" ] || fail "exit code $code, not $wanted, of: $* <$input -- stderr: $(cat err)"
}

# prints TEXT: that is all that the last command printed; \n and so on as in printf.
prints() {
    # shellcheck disable=SC2059
    printf "$1" >wanted
    cmp -s wanted out || fail "printed: $(cat out) -- not: $(cat wanted)"
}

# says TEXT: stderr of the last command is one line with this in it.
says() {
    [ "$(wc -l <err)" -eq 1 ] || fail "not one line: $(cat err)"
    grep -qF -- "$1" err || fail "not '$1': $(cat err)"
}

is_silent() {
    [ ! -s err ] || fail "said: $(cat err)"
}

# eventually COMMAND...: it succeeds within 20 s. In between, a get waits for an item that never comes.
eventually() {
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 400 ] || fail "never: $*"
        mq get never -t 50ms 2>/dev/null || :
    done
}

# stat_is QUEUE KEY VALUE
stat_is() {
    [ "$(mq stat "$1" | sed -n "s/^$2: //p")" = "$3" ]
}

check_stat() {
    stat_is "$@" || fail "$1: $2 is not $3: $(mq stat "$1")"
}

# ends PID CODE: a background command ends, with this code.
ends() {
    code=0
    wait "$1" || code=$?
    [ "$code" -eq "$2" ] || fail "a background command ended with $code, not $2: $(cat err)"
}

# with_signals COMMAND... &: unlike others in the background of a script, it does not ignore SIGINT. Its pid is $!.
with_signals() {
    exec env --default-signal=INT --default-signal=HUP "$@"
}
