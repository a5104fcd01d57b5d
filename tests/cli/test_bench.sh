#!/bin/sh
# mq bench: each mode puts, gets and checks every item, tells what it should, and leaves nothing behind; what goes
# wrong is found and told. How fast it is, is not looked at.
# shellcheck source=tests/cli/cli.sh
. "$(dirname "$0")/cli.sh"

brief="--warm-up 20ms --count 3000"

# figure KEY: its value in the JSON that the last command printed.
figure() {
    sed 's/^{//; s/}$//' out | tr ',' '\n' | sed -n "s/^\"$1\"://p"
}

# is_number TEXT: and not zero.
is_number() {
    echo "$1" | grep -Eqx '[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?' && [ "$1" != 0 ] && [ "$1" != 0.0 ]
}

# But for the one that `eventually` waits at.
no_queue_is_left() {
    ! mq ls --names | grep -vx never
}

# bench OPTION...: succeeds, and prints one JSON object with figures in it.
bench() {
    # shellcheck disable=SC2086
    expect 0 mq bench --json $brief "$@"
    is_silent
    check [ "$(wc -l <out)" -eq 1 ]
    for key in items_per_second puts_per_second put_p50_us put_p99_us put_p999_us put_max_us broker_cpu_s_per_million \
        clients_cpu_s_per_million broker_rss_mb broker_rss_peak_mb in_flight seconds; do
        is_number "$(figure $key)" || fail "bench $*: $key is '$(figure $key)' in $(cat out)"
    done
    check [ "$(figure items)" -eq 3000 ]
    check [ "$(figure verified)" = true ]
    check no_queue_is_left
}

# Each way to put and get; the library batches unless told otherwise.
for way in "" "--batch auto --window 100" "--batch 7" "--batch 64 --window 3" "--sync" "--batch 100 --fill" "--fill"; do
    # shellcheck disable=SC2086
    bench $way
    is_number "$(figure handoff_p50_us)" || fail "bench $way: no hand-off: $(cat out)"
    is_number "$(figure gets_per_second)" || fail "bench $way: no gets: $(cat out)"
done
bench --sync
check [ "$(figure mode),$(figure batch),$(figure in_flight)" = '"sync",1,1' ]
is_number "$(figure done_p50_us)" || fail "no task_done: $(cat out)"
bench --batch 64 --window 3 --producers 2
check [ "$(figure mode),$(figure batch),$(figure in_flight)" = '"batch",64,384' ]
bench --window 100
check [ "$(figure mode),$(figure batch),$(figure in_flight),$(figure fetched_ahead)" = '"auto","auto",100,100' ]
check [ "$(figure done_p50_us)" = null ]
bench --fill --batch 64
is_number "$(figure broker_rss_full_mb)" || fail "not a word about memory: $(cat out)"
brief="--warm-up 0 --count 3000"
bench --consumers 0 --batch 64
check [ "$(figure handoff_p50_us),$(figure gets_per_second)" = null,null ]

# More of everything, for each kind of queue.
for kind in fifo lifo priority; do
    bench --kind $kind --producers 3 --consumers 2 --batch 10
    check [ "$(figure kind),$(figure producers),$(figure consumers),$(figure workers)" = "\"$kind\",3,2,\"processes\"" ]
    bench --kind $kind --producers 3 --consumers 2 --threads
    check [ "$(figure workers)" = '"threads"' ]
done
bench --threads --producers 16 --consumers 1 --sync
bench --maxsize 10 --batch 64 --producers 2
bench --maxsize 10
for size in 32 33 1k 100k; do
    bench --size $size --batch 100
done
check [ "$(figure size)" -eq 102400 ]

# One item between producer and consumer.
brief="--warm-up 20ms --count 100"
# shellcheck disable=SC2086
expect 0 mq bench --handoff --json $brief
check [ "$(figure items),$(figure in_flight),$(figure mode)" = '100,1,"handoff"' ]

# For a time, and on schedule: as many items as are due, and no more.
expect 0 mq bench --duration 100ms --warm-up 0 --json
check [ "$(figure items)" -gt 0 ]
for way in "--batch 16" "--sync" ""; do
    # shellcheck disable=SC2086
    expect 0 mq bench --rate 1000 --duration 200ms --warm-up 0 --producers 3 --json $way
    check [ "$(figure items)" -ge 199 ]
    check [ "$(figure items)" -le 201 ]
    check [ "$(figure rate)" = 1000.0 ]
done

# For people, and as CSV: a name for each figure.
expect 0 mq bench --batch 64 --count 1000 --warm-up 0
check grep -Eq '^[0-9]+ items/s, .*: 1000 items in .*each was got once, whole, in order$' out
for word in 'put ' 'hand-off ' 'task_done ' 'CPU seconds per million items: broker [0-9]' 'broker memory: [0-9]'; do
    grep -q "^$word" out || fail "not told: $word"
done
expect 0 mq bench --csv --count 1000 --warm-up 0
check [ "$(wc -l <out)" -eq 2 ]
check [ "$(sed 's/[^,]//g' out | uniq | wc -l)" -eq 1 ]
check grep -q '^items_per_second,' out

# On a terminal it shows how far it is.
script -q -f -e -c 'mq bench --rate 1000 --duration 500ms --warm-up 0' shown >/dev/null </dev/null
check grep -Eq 'measuring [0-9.]+ s: [0-9]+ put, [0-9]+ done, [0-9]+ items/s' shown

# A queue of somebody's own: used if it is empty, and left there.
mq create mine --kind lifo
expect 0 mq bench --queue mine --count 1000 --warm-up 0 --json
check [ "$(figure kind)" = '"lifo"' ]
check_stat mine puts 1000
check_stat mine unfinished 0
expect 73 mq bench --queue mine --kind fifo --count 1000
mq put mine x
expect 75 mq bench --queue mine --count 1000
says "queue mine is in use: 1 unfinished items"
check_stat mine puts 1001
mq rm mine --force -q
expect 0 mq bench --queue new --count 1000 --warm-up 0
check no_queue_is_left

# Over tcp, too.
mkfifo second
mq-broker --bind tcp://127.0.0.1:0 --bind "ipc://$scratch/other" >second 2>second.log &
second_pid=$!
read -r ready <second
endpoint=$(echo "$ready" | grep -o 'tcp://[^ ]*')
expect 0 mq -s "$endpoint" bench --count 1000 --warm-up 0 --json
check [ "$(figure server)" = "\"$endpoint\"" ]

# What is not known of the broker is not invented: a process of another name may be anything.
ln -s "$build/mq-broker" something
mkfifo third
./something --bind "ipc://$scratch/third.ipc" >third 2>third.log &
third_pid=$!
read -r ready <third
expect 0 mq -s "ipc://$scratch/third.ipc" bench --count 1000 --warm-up 0 --json
for key in broker_cpu_s_per_million broker_rss_mb broker_rss_peak_mb; do
    check [ "$(figure $key)" = null ]
done
expect 0 mq -s "ipc://$scratch/third.ipc" bench --count 1000 --warm-up 0
check grep -q "broker not known" out
check grep -q "^broker memory: not known" out
kill "$third_pid"
ends "$third_pid" 0

# More than there is memory for is refused.
expect 75 mq bench --count 9000000000000000000
says "mq: bench: cannot get shared memory"

# in_background OPTION...: a bench that goes on for a minute, once it has put something; its queue is $queue.
in_background() {
    with_signals mq bench --duration 60 --warm-up 0 --json "$@" >out 2>err &
    bench_pid=$!
    queue=bench.$bench_pid
    eventually has_put
}
has_put() {
    puts=$(mq -s "${server:-$MQ_SERVER}" stat "$queue" | sed -n 's/^puts: //p') && [ "${puts:-0}" -gt 100 ]
}
no_session_is_left() {
    ! mq ps | grep -q 'mq bench'
}

worker() {
    mq ps | sed -n 's/.*mq bench producer 1 \[\([0-9]*\)\] *up .*/\1/p'
}
has_ended() {
    ! kill -0 "$1" 2>/dev/null
}

# A broker that dies is an error.
for way in "--batch 64" "--sync" "--batch auto"; do
    if [ -z "$second_pid" ]; then
        mq-broker --bind "ipc://$scratch/other" >second 2>second.log &
        second_pid=$!
        read -r ready <second
    fi
    server=ipc://$scratch/other
    # shellcheck disable=SC2086
    in_background -s "$server" --connect-timeout 300ms --rate 5000 $way
    kill -9 "$second_pid"
    wait "$second_pid" || :
    second_pid=
    ends "$bench_pid" 69
    check [ ! -s out ]
    says "mq: bench: "
done
server=
expect 69 mq -s "ipc://$scratch/nobody" --connect-timeout 50ms bench
says "mq: bench: "

# A signal stops it, and its queue and its processes go.
for signal in INT TERM HUP; do
    in_background --rate 5000
    kill -s "$signal" "$bench_pid"
    ends "$bench_pid" 130
    says "mq: bench: interrupted; "
    check [ ! -s out ]
    check no_queue_is_left
    check no_session_is_left
done
in_background --batch 100 --maxsize 5 --threads --producers 3 --consumers 2
kill -s INT "$bench_pid"
ends "$bench_pid" 130
check no_queue_is_left

# So does the end of a process of its own; and if it is killed itself, its processes end, too.
in_background --rate 5000 --producers 2
kill -9 "$(worker)"
ends "$bench_pid" 70
says "a producer's process was killed by signal 9"
check no_queue_is_left
in_background --rate 5000
its_worker=$(worker)
kill -9 "$bench_pid"
wait "$bench_pid" || :
eventually has_ended "$its_worker"
mq rm "$queue" --force -q

# An item that is taken away is missed, one that does not belong there is seen.
with_signals mq bench --rate 2000 --count 4000 --warm-up 0 --batch 1 >out 2>err &
bench_pid=$!
queue=bench.$bench_pid
eventually mq peek "$queue" --last 2>/dev/null || :
mq get "$queue" -c 3 >taken
check [ "$(wc -c <taken)" -eq 303 ]
ends "$bench_pid" 70
says "3 of 4000 items were lost"
check [ ! -s out ]
mq create mine
with_signals mq bench --queue mine --rate 2000 --count 4000 --warm-up 0 --batch 1 >out 2>err &
bench_pid=$!
queue=mine
eventually has_put
mq put mine "not of this run"
ends "$bench_pid" 70
check grep -q "mq: bench: wrong: .* 1 corrupt" err # and perhaps what is left in the queue, in its stead
mq rm mine --force -q

# A wrong command line is told, and nothing happens.
wrong() {
    text=$1
    shift
    expect 64 mq bench "$@"
    says "$text"
    check [ ! -s out ]
}
wrong "unexpected argument 'q'" q
wrong "'x' is not a size" --size x
wrong "--size is from 32 to" --size 31
wrong "'0' is not a whole number from 1 to 256" --producers 0
wrong "'257' is not a whole number from 0 to 256" --consumers 257
wrong "'0' is not a whole number, at least 1" --count 0
wrong "'0' is not a whole number from 1 to 65536" --batch 0
wrong "'some' is not a whole number" --batch some
wrong "a batch of 65536 bodies of 1048576 bytes is too much" --batch 65536 --size 1M
wrong "'0' is not a whole number" --window 0
wrong "'65' is not a whole number from 1 to 64" --batch 10 --window 65
wrong "'fast' is not a rate" --rate fast
wrong "'0' is not a rate" --rate 0
wrong "'inf' is not a rate" --rate inf
wrong "'heap' is not a kind of queue" --kind heap
wrong "'a b' is not a queue's name" --queue "a b"
wrong "--count and --duration exclude each other" --count 5 --duration 1
wrong "--duration is from 1ms to 1d" --duration 0
wrong "--duration is from 1ms to 1d" --duration 25h
wrong "--warm-up is at most 1d" --warm-up 25h
wrong "--batch, --sync and --handoff exclude each other" --sync --batch 5
wrong "--window excludes --sync and --handoff" --sync --window 5
wrong "--handoff is between one producer and one consumer" --handoff --producers 2
wrong "--handoff excludes --rate and --fill" --handoff --rate 5
wrong "--maxsize would stop puts" --fill --maxsize 5
wrong "--csv and --json exclude each other" --csv --json
wrong "not an endpoint" -s nonsense
check no_queue_is_left
