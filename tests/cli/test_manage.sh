#!/bin/sh
# Making, changing, looking, emptying, removing.
# shellcheck source=tests/cli/cli.sh
. "$(dirname "$0")/cli.sh"

expect 0 mq ls
prints 'NAME  KIND  SIZE  MAXSIZE  LEASED  UNFINISHED  GETTERS  PUTTERS  STATE\n'
expect 0 mq ls --json
prints ''

expect 0 mq create jobs --kind priority --maxsize 10 --lease 1m
is_silent
mq put jobs c b a
mq create a-rather-long-name --kind lifo
mq shutdown a-rather-long-name
mq create z
mq shutdown z --immediate
expect 0 mq ls
cat >wanted <<'END'
NAME                KIND      SIZE  MAXSIZE  LEASED  UNFINISHED  GETTERS  PUTTERS  STATE
a-rather-long-name  lifo         0        0       0           0        0        0  shut_down
jobs                priority     3       10       0           3        0        0  open
z                   fifo         0        0       0           0        0        0  shut_down_immediate
END
check cmp out wanted
expect 0 mq ls --names
prints 'a-rather-long-name\njobs\nz\n'
expect 0 mq ls --json
sed -n 2p out >row
echo '{"name":"jobs","kind":"priority","size":3,"maxsize":10,"leased":0,"unfinished":3,"getters":0,"putters":0,"state":"open","transient":false}' | cmp - row
expect 0 mq --json ls --names
head -n 1 out | grep -qx '{"name":"a-rather-long-name"}'

# More queues than fit into one answer.
cli_many_queues 2500
expect 0 mq ls --names
check [ "$(grep -c '^many' out)" -eq 2500 ]
expect 0 mq ls
check [ "$(wc -l <out)" -eq 2504 ]
check [ "$(sort out | uniq | wc -l)" -eq 2504 ]

# Settings: what is in force changes, what the queue was created with does not.
expect 0 mq set jobs --maxsize 2 --lease 5s
check_stat jobs maxsize 2
check_stat jobs lease_ms 5000
expect 5 mq put jobs d -n
expect 0 mq create jobs --maxsize 10

# Whether its items are in memory only is for its life.
expect 0 mq create ticks --transient
expect 0 mq create ticks
expect 0 mq create ticks --transient
check_stat ticks transient true
check_stat jobs transient false
expect 73 mq create jobs --transient
says "transient"
expect 64 mq set ticks --transient
mq ls --json | grep '"name":"ticks"' >row
check grep -q '"transient":true' row
expect 0 mq rm ticks

# stat: the same keys as text and as JSON, of a queue and of the broker.
for what in jobs ''; do
    # shellcheck disable=SC2086
    expect 0 mq stat $what
    sed 's/: .*//' out >keys
    # shellcheck disable=SC2086
    expect 0 mq stat $what --json
    check [ "$(wc -l <out)" -eq 1 ]
    tr ',' '\n' <out | sed 's/^{*"\([a-z_]*\)":.*/\1/' | cmp - keys
done
expect 0 mq stat jobs
for key in name kind state maxsize lease_ms transient size leased unfinished bytes getters putters joiners puts gets "done" redelivered \
    returned discarded age_ms oldest_ms puts_per_second; do
    grep -q "^$key: " out || fail "stat does not tell $key"
done
expect 0 mq stat
for key in version uptime_ms pid queues sessions connected memory memory_limit body_max items_max resume_grace_ms; do
    grep -q "^$key: " out || fail "stat does not tell $key"
done

check [ "$(sed -n 's/^pid: //p' out)" -eq "$broker_pid" ]

# peek changes nothing.
expect 0 mq peek jobs
prints 'c\n'
expect 0 mq peek jobs -c 10
prints 'c\nb\na\n'
expect 0 mq peek jobs --last
prints 'a\n'
expect 0 mq peek jobs --json
check grep -q '"priority":0,"deliveries":0,"body":"c"' out
check_stat jobs size 3
check_stat jobs gets 0

# purge, rm.
expect 0 mq purge jobs
says "mq: purge: 3 discarded"
expect 0 mq purge jobs --json
prints '{"queue":"jobs","discarded":0}\n'
is_silent
mq put jobs x
expect 75 mq rm jobs
expect 0 mq rm jobs --force --json
prints '{"queue":"jobs","discarded":1}\n'
expect 0 mq rm z
is_silent
expect 66 mq rm z

# join waits for the last task_done.
mq put jobs x
mq join jobs 2>err &
joiner=$!
eventually stat_is jobs joiners 1
expect 0 mq get jobs
ends "$joiner" 0

# ps: who waits for what, who holds what.
mq create small --maxsize 1
mkfifo gate
mq put small a b &
putter=$!
mq get jobs >got &
getter=$!
eventually stat_is small putters 1
eventually stat_is jobs getters 1
mq put held x
mq work held -c 1 -- sh -c 'read -r x <gate' &
worker=$!
eventually stat_is held leased 1
expect 0 mq ps
head -n 1 out | grep -Eqx ' *SESSION  CLIENT +LINE  SINCE +IDLE  DOES'
grep -Eq "^ *[0-9]+  mq put \[$putter\] +up +20[0-9-]+ [0-9:]+ +[0-9.]+s  put small \(1\)$" out || fail "ps: $(cat out)"
grep -Eq "mq get \[$getter\] .* get jobs \(1\)$" out || fail "ps: $(cat out)"
grep -Eq "mq work \[$worker\] .* lease held \(1\)$" out || fail "ps: $(cat out)"
expect 0 mq ps --json
check grep -q "\"client\":\"mq put \[$putter\]\",\"connected\":true,.*\"waits\":\[{\"what\":\"put\",\"queue\":\"small\",\"count\":1}\],\"holds\":\[\]}" out
echo >gate
mq purge small -q
mq put jobs x
ends "$putter" 0
ends "$getter" 0
ends "$worker" 0

# ping.
expect 0 mq ping
check [ "$(grep -Ecx '[0-9]+\.[0-9]{3} ms' out)" -eq 4 ]
expect 0 mq ping -c 2 --json
check [ "$(grep -Ecx '\{"round_trip_us":[0-9]+\}' out)" -eq 2 ]
