#!/bin/sh
# A signal ends a command in order: nothing half done, exit code 130, and what is stored is told.
# shellcheck source=tests/cli/cli.sh
. "$(dirname "$0")/cli.sh"

for signal in INT TERM HUP; do
    # A put that waits for room.
    mq create "full$signal" --maxsize 3
    seq 1 10 >lines
    with_signals mq put "full$signal" -l <lines 2>err &
    putter=$!
    eventually stat_is "full$signal" putters 1
    kill -s "$signal" "$putter"
    ends "$putter" 130
    says "mq: put: interrupted; 3 stored"
    check_stat "full$signal" puts 3
    expect 0 mq get "full$signal" --all
    prints '1\n2\n3\n'

    # A put that waits for input.
    mkfifo "input$signal"
    with_signals mq put "slow$signal" -l <"input$signal" 2>err &
    putter=$!
    exec 3>"input$signal"
    printf 'one\ntwo\nhalf a li' >&3
    eventually stat_is "slow$signal" puts 2
    kill -s "$signal" "$putter"
    ends "$putter" 130
    exec 3>&-
    says "mq: put: interrupted; 2 stored"
    expect 0 mq get "slow$signal" --all
    prints 'one\ntwo\n'

    # A get that waits.
    mq create empty
    with_signals mq get empty -c 5 >got 2>err &
    getter=$!
    eventually stat_is empty getters 1
    mq put empty x
    eventually stat_is empty "done" 1
    eventually stat_is empty getters 1
    kill -s "$signal" "$getter"
    ends "$getter" 130
    says "1 written, then: interrupted"
    check [ "$(cat got)" = x ]
    mq put empty y
    expect 0 mq get empty
    prints 'y\n'
    mq rm empty

    # A join.
    mq put joined x
    with_signals mq join joined 2>err &
    joiner=$!
    eventually stat_is joined joiners 1
    kill -s "$signal" "$joiner"
    ends "$joiner" 130
    says "interrupted"
    eventually stat_is joined joiners 0
    mq rm joined --force -q
done

# What a get has written is done, even if the signal came while it was held up by its reader.
head -c 1000000 /dev/zero | tr '\0' x | mq put big
mq put big small
mkfifo pipe
with_signals mq get big -c 2 >pipe 2>err &
getter=$!
exec 3<pipe
eventually stat_is big leased 2
kill -s INT "$getter"
cat <&3 >got
exec 3<&-
code=0
wait "$getter" || code=$?
[ "$code" -eq 0 ] || [ "$code" -eq 130 ] || fail "get ended with $code"
check [ "$(wc -c <got)" -eq 1000007 ]
check_stat big "done" 2

# The second signal does not wait; what was held goes back.
head -c 1000000 /dev/zero | mq put stuck
with_signals mq get stuck >pipe 2>err &
getter=$!
exec 3<pipe
eventually stat_is stuck leased 1
kill -s INT "$getter"
kill -s TERM "$getter"
ends "$getter" 130
exec 3<&-
says "interrupted"
eventually stat_is stuck size 1

# Ignored signals stay ignored, as nohup wants it.
sh -c 'trap "" HUP; exec mq get none -t 20' >got 2>err &
getter=$!
eventually stat_is none getters 1
kill -s HUP "$getter"
mq put none x
ends "$getter" 0
