#!/bin/sh
# backlog.sh BUILD [SANITIZERS] - a backlog of twenty times the memory that items may take: it is stored, survives a kill, comes
# back in order, and takes no memory beyond the limit but what the program itself needs. With SANITIZERS, which take
# memory of their own, only what the broker counts is looked at.
sanitizers=$2
. "$(dirname "$0")/support/data.sh"
limit=4194304 most_kib=28672 items=420000

check_memory() {
    kib=$(sed -n 's/^RssAnon:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$broker_pid/status")
    [ -n "$sanitizers" ] || [ "$kib" -lt $most_kib ] || fail "the broker takes $kib KiB"
    memory=$(mq stat | sed -n 's/^memory: //p')
    [ "$memory" -le $limit ] || fail "items take $memory bytes"
    shelved=$(mq stat | sed -n 's/^shelved: //p')
    [ "$shelved" -gt $((limit * least)) ] || fail "only $shelved bytes are on the shelf"
}

seq 1 $items | awk '{ printf "%0100d\n", $1 }' >in
start MQ_MEMORY_LIMIT=$limit
expect 0 mq put q -l -f in
least=18
check_memory
kill_broker
start MQ_MEMORY_LIMIT=$limit
check_memory

# Both ends and the middle can be looked at.
expect 0 mq peek q -c 1
[ "$(cat out)" = "$(head -1 in)" ] || fail "not the first: $(cat out)"
expect 0 mq peek q --last -c 1
[ "$(cat out)" = "$(tail -1 in)" ] || fail "not the last: $(cat out)"

# Half of it, and a kill, and the rest.
expect 0 mq get q -c $((items / 2))
mv out first
kill_broker
start MQ_MEMORY_LIMIT=$limit
least=8
check_memory
expect 0 mq get q --all
cat first out | cmp - in || fail "not what was put"
stat_is shelved 0
stat_is memory 0
[ -f "$data/shelf" ] || fail "there is no shelf"
[ ! -s "$data/shelf" ] || fail "the shelf is not empty"
