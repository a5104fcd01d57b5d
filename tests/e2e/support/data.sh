# shellcheck shell=sh disable=SC2154,SC2034
# data.sh - for shell tests of a data directory: a broker that can be killed and started again, and what is expected
# of mq. Sourced by NAME.sh BUILD, instead of broker.sh.
build=$1
. "$(dirname "$0")/support/broker.sh"
PATH=$build:$PATH
MQ_SERVER=ipc://$scratch/broker
data=$scratch/data
export PATH MQ_SERVER
cd "$scratch" || exit 1
inside= # a command that runs another one where the data directory can be seen

# start [ENVIRONMENT...]: a broker on the data directory; its log goes on in broker.log.
start() {
    rm -f ready
    mkfifo ready
    # shellcheck disable=SC2086
    env "$@" $inside mq-broker --data "$data" --segment-size "${segment:-1M}" --bind "$MQ_SERVER" >ready 2>>broker.log &
    broker_pid=$!
    read -r ready_line <ready || fail "the broker did not start: $(cat broker.log)"
}

kill_broker() {
    kill -9 "$broker_pid"
    wait "$broker_pid" || :
    broker_pid=
}

# expect CODE COMMAND...: it ends with this code.
expect() {
    wanted=$1
    shift
    code=0
    "$@" >out 2>err </dev/null || code=$?
    [ "$code" -eq "$wanted" ] || fail "exit code $code, not $wanted, of: $* -- stdout: $(head -c 300 out) -- stderr: $(cat err) -- $(tail -3 broker.log)"
}

says() {
    grep -qF -- "$1" err || fail "not '$1': $(cat err)"
}

# stat_is KEY VALUE: of the broker.
stat_is() {
    seen=$(mq stat | sed -n "s/^$1: //p")
    [ "$seen" = "$2" ] || fail "$1 is $seen, not $2"
}

# pause: a moment, of waiting for a writer that never comes.
mkfifo nobody
pause() {
    timeout 0.1 cat nobody || :
}

# eventually COMMAND...: it succeeds within 20 s.
eventually() {
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 200 ] || fail "never: $*"
        pause
    done
}
