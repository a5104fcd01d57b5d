#!/bin/sh
# format.sh BUILD - a broker starts on a data directory that an earlier one wrote, and finds what was put into it:
# format/N.tar.gz, of every format that there has been.
. "$(dirname "$0")/support/data.sh"
room=$(cd "$OLDPWD" && cd "$(dirname "$0")" && pwd)

# sizes QUEUE READY LEASED
sizes() {
    seen=$(mq stat "$1" | sed -n 's/^size: //p; s/^leased: //p' | tr '\n' ' ')
    [ "$seen" = "$2 $3 " ] || fail "$1 has $seen, not $2 $3"
}

setting() {
    mq stat "$1" | grep -qx "$2" || fail "$1 has not $2: $(mq stat "$1")"
}

# gives QUEUE TEXT [OPTION...]: all that is in the queue.
gives() {
    queue=$1 text=$2
    shift 2
    # shellcheck disable=SC2059
    printf "$text" >wanted
    mq get "$queue" --all "$@" >out || fail "get $queue ended with $?"
    cmp -s wanted out || fail "$queue gave $(cat out), not $(cat wanted)"
}

check_format() {
    mkdir "$data"
    tar -C "$data" -xzf "$1"
    expect 0 mq-broker --check "$data"
    start
    [ "$(mq ls --names | tr '\n' ' ')" = "binary closed fifo large lifo passing priority purged " ] ||
        fail "other queues: $(mq ls)"
    sizes fifo 1 2
    setting fifo 'maxsize: 100'
    setting lifo 'kind: lifo'
    setting priority 'kind: priority'
    setting priority 'lease_ms: 3600000'
    setting passing 'transient: true'
    setting closed 'state: shut_down'
    setting fifo 'done: 2'
    gives lifo 'top\nmiddle\nbottom\n'
    gives priority 'minus one\ntwo and a half\nten\nten, but later\na word\na tuple\n'
    gives passing ''
    gives purged ''
    gives binary '\000\001\377' --raw
    [ "$(mq get large --raw | wc -c)" -eq 100000 ] || fail "large has another size"
    gives closed 'still there\n'
    expect 6 mq put closed more
    # Whoever held two has the grace to come back; then they are there again, in their places.
    eventually sh -c 'mq stat fifo | grep -qx "leased: 0"'
    gives fifo 'three\nfour\nfive\n'
    kill_broker
    rm -rf "$data"
}

for format in "$room"/format/*.tar.gz; do
    check_format "$format"
done
