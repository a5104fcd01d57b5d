# shellcheck shell=sh disable=SC2154
# broker.sh - for the shell tests: a temporary directory and a broker in it, both gone when the test ends.
#
# Sourced. start_broker PROGRAM runs it, waits until it is ready, and sets MQ_SERVER; $scratch is the directory.
set -eu
scratch=$(mktemp -d)
broker_pid=

end_test() {
    if [ -n "$broker_pid" ]; then
        kill "$broker_pid"
        wait "$broker_pid" || fail "the broker ended with $?: $(cat "$scratch/broker.log")"
    fi
    rm -rf "$scratch"
}
trap end_test EXIT

fail() {
    printf '%s: %s\n' "$0" "$*" >&2
    exit 1
}

start_broker() {
    mkfifo "$scratch/ready"
    "$1" --bind "ipc://$scratch/broker" >"$scratch/ready" 2>"$scratch/broker.log" &
    broker_pid=$!
    read -r ready <"$scratch/ready" || fail "the broker did not start: $(cat "$scratch/broker.log")"
    [ "$ready" = "mq-broker ready ipc://$scratch/broker" ] || fail "not a ready line: $ready"
    MQ_SERVER=ipc://$scratch/broker
    export MQ_SERVER
}
