#!/bin/sh
# sync_fails.sh BUILD FAULTY_LIBRARY - when a sync has failed nothing of that group is ever answered, nothing else is
# taken, looking goes on, and only a restart decides.
library=$2
. "$(dirname "$0")/support/data.sh"
trouble=$scratch/trouble

faulty() {
    start LD_PRELOAD="$library" ASAN_OPTIONS=verify_asan_link_order=0 FAULTY_WHEN="$trouble" "$@"
}

# A client that is known already has one put acknowledged, and the next one falls into the trouble: it is never
# answered, neither stored nor refused, until the client gives up.
put_into_trouble() {
    expect 0 mq create other
    rm -f lines ids
    mkfifo lines
    mq --connect-timeout 1 put q -l -v -t 1 <lines >ids 2>err &
    putter=$!
    exec 3>lines
    echo safe >&3
    eventually grep -q . ids
    touch "$trouble"
    echo unsafe >&3
    exec 3>&-
    code=0
    wait "$putter" || code=$?
    [ "$code" -eq 3 ] || fail "the put that was never answered ended with $code: $(cat err)"
    [ "$(wc -l <ids)" -eq 1 ] || fail "the put into the trouble was answered: $(cat ids)"
}

after_the_failure() {
    expect 75 mq put q later
    says "the data directory failed"
    expect 75 mq get q -n
    says "the data directory failed"
    expect 75 mq create new
    stat_is data failed
    expect 0 mq ls
    expect 0 mq stat q
    expect 0 mq ping -c 1
    expect 0 mq peek q
    [ "$(grep -c 'level=error' broker.log)" -eq 1 ] || fail "not one error in the log: $(cat broker.log)"
}

# Whether the put that was never answered is there is decided now, once.
after_a_restart() {
    kill_broker
    rm -f "$trouble"
    start
    stat_is data ok
    expect 0 mq get q --all
    grep -qx safe out || fail "what was acknowledged is gone: $(cat out)"
    if [ "$(grep -cvx -e safe -e unsafe out)" -ne 0 ] || [ "$(wc -l <out)" -gt 2 ]; then
        fail "not what was put: $(cat out)"
    fi
    expect 0 mq put q again
    kill "$broker_pid"
    wait "$broker_pid" || fail "it ended with $?"
    broker_pid=
    rm -rf "$data" broker.log
}

# A disk that hangs: what it has not got is answered by and by, and the end does not wait for ever.
faulty FAULTY_HANGS=1
expect 0 mq put q safe
touch "$trouble"
expect 69 mq --connect-timeout 1 put q unsafe
rm "$trouble"
expect 0 mq put q also
touch "$trouble"
expect 69 mq --connect-timeout 1 put q unsafe
kill "$broker_pid"
code=0
wait "$broker_pid" || code=$?
broker_pid=
[ "$code" -eq 74 ] || fail "it ended with $code, not 74"
[ "$(grep -c disk_hangs broker.log)" -eq 1 ] || fail "the log does not say so once: $(cat broker.log)"
rm -rf "$trouble" "$data" broker.log

# With an interval answers come at once until the disk is two intervals behind.
faulty FAULTY_HANGS=1 MQ_SYNC=interval=50ms
expect 0 mq put q safe
touch "$trouble"
hangs() {
    ! mq --connect-timeout 1 put q some
}
eventually hangs
rm "$trouble"
expect 0 mq put q also
kill "$broker_pid"
wait "$broker_pid" || fail "it ended with $?"
broker_pid=
rm -rf "$data" broker.log

faulty
put_into_trouble
after_the_failure
after_a_restart

# A sync that fails once and works afterwards has failed all the same.
faulty FAULTY_ONCE=1
put_into_trouble
[ ! -e "$trouble" ] || fail "no sync has failed"
after_the_failure
after_a_restart
