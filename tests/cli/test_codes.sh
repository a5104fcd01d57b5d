#!/bin/sh
# Every exit code that can be reached, each with one line that says the same.
# shellcheck source=tests/cli/cli.sh
. "$(dirname "$0")/cli.sh"

# 4: empty.
expect 4 mq get q -n
says "mq: get: queue is empty"
expect 4 mq get q -t 10ms
says "queue is empty"
expect 4 mq peek q
says "queue is empty"
expect 0 mq get q --all
is_silent

# 5: full. 3: something was done before that.
mq create small --maxsize 2
expect 3 mq put small a b c -n
says "mq: put: 2 stored, then item 3: queue is full"
expect 5 mq put small d -n
says "mq: put: queue is full"
expect 5 mq put small d -t 10ms
says "queue is full"
check_stat small puts 2
expect 3 mq get small -c 3 -n
prints 'a\nb\n'
says "mq: get: 2 written, then: queue is empty"

# 6: shut down. What is left can be got.
mq put small a b
mq shutdown small
expect 6 mq put small c
says "queue is shut down"
expect 0 mq get small -c 1
expect 3 mq get small -c 2
says "1 written, then: queue is shut down"
expect 6 mq get small
says "queue is shut down"
expect 0 mq get small --all
is_silent
mq create ended
mq put ended a b
mq shutdown ended --immediate
expect 6 mq get ended
check_stat ended discarded 2

# 7: timed out.
mq put q a
expect 7 mq join q -t 10ms
says "mq: join: timed out"
expect 7 mq join q -t 0
expect 0 mq get q
expect 0 mq join q

# 8: the lease was lost between the item's arrival and its task_done. The item is held up in a pipe that nobody reads.
mkfifo pipe
head -c 1000000 /dev/zero | mq put q
mq get q >pipe 2>err &
getter=$!
exec 3<pipe
eventually stat_is q leased 1
mq rm q --force -q
cat <&3 >/dev/null
exec 3<&-
ends "$getter" 8
says "1 written, but not all of the last 1 are done: "

# 65: bad input.
expect 65 mq put 'no spaces' x
says "mq: put: "
expect 65 mq create ''
mq create fifo
expect 65 mq put fifo x -p 1

# 66: no such queue, no such file.
for command in stat peek purge rm shutdown join; do
    expect 66 mq $command nothing
    says "mq: $command: "
done
expect 66 mq set nothing --maxsize 1
expect 66 mq put q -f nothing
says "mq: put: nothing: No such file or directory"
mq put fifo x
expect 66 mq work fifo -c 1 -- ./nothing
says "'./nothing' cannot be run: No such file or directory"
expect 0 mq get fifo --json
check grep -q '"deliveries":1' out

# 69: unreachable, reported in time; another connect time-out is obeyed.
expect 69 mq -s ipc://nobody ping --connect-timeout 100ms
says "mq: ping: "
for endpoint in '' nonsense tcp://localhost tcp://127.0.0.1:x; do
    expect 64 mq -s "$endpoint" ls
    says "mq: ls: '$endpoint' is not an endpoint: tcp://HOST:PORT or ipc://PATH; see 'mq ls --help'"
done
expect 69 mq -s tcp://127.0.0.1:1 --connect-timeout 0.1 put q x

kill -s STOP "$broker_pid"
expect 69 mq ping --connect-timeout 200ms
kill -s CONT "$broker_pid"
expect 0 mq ping

# A put that loses the broker says what may have happened.
mkfifo again
mq-broker --bind "ipc://$scratch/other" >again 2>other.log &
other=$!
read -r _ <again
mq -s "ipc://$scratch/other" create small --maxsize 1
mq -s "ipc://$scratch/other" --connect-timeout 300ms put small a b c 2>err &
putter=$!
eventually sh -c "mq -s ipc://$scratch/other stat small | grep -qx 'putters: 1'"
kill -s KILL "$other"
ends "$putter" 69
says "0 stored, perhaps up to 3 more: "

# 73: exists with other settings, and which.
mq create bounded --maxsize 5 --lease 30s
expect 0 mq create bounded --maxsize 5
expect 0 mq create bounded
expect 73 mq create bounded --maxsize 6
says "maxsize"
expect 73 mq create bounded --kind lifo
says "kind"
expect 73 mq create bounded --lease 31s
says "lease"

# 74: what was read cannot be written, or input cannot be read.
mq put fifo x y
expect 74 sh -c 'mq get fifo >/dev/full'
says "cannot write: No space left on device"
expect 74 mq put fifo -f .
says "Is a directory"
expect 74 sh -c 'mq ls >/dev/full'
expect 74 sh -c 'mq stat >/dev/full'
expect 3 sh -c 'mq put fifo z -v >/dev/full'
says "1 stored, but their ids cannot be written: No space left on device"

# 75: refused for now.
expect 75 mq rm fifo
says "--force"
expect 0 mq rm fifo --force
says "3 discarded"

# -q silences notices, not errors.
mq put fifo x
expect 0 mq -q rm fifo --force
is_silent
expect 66 mq -q rm fifo
says "mq: rm: "
