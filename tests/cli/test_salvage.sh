#!/bin/sh
# A data directory that is damaged: the broker does not start and says why, --check finds it, --salvage makes it whole.
# shellcheck source=tests/cli/cli.sh
. "$(dirname "$0")/cli.sh"
data=$scratch/data
other_pid=
trap '[ -z "$other_pid" ] || stop; end_test' EXIT

# serve: a second broker, with a data directory. It ends with kill -9: `stop`.
serve() {
    rm -f ready2
    mkfifo ready2
    mq-broker --bind "ipc://$scratch/second" --data "$data" --segment-size 256k >ready2 2>second.log &
    other_pid=$!
    read -r _ <ready2 || fail "the second broker did not start: $(cat second.log)"
}

stop() {
    kill -9 "$other_pid"
    wait "$other_pid" 2>/dev/null || :
    other_pid=
}

# start_fails CODE TEXT: it does not start, with this code, and says so.
start_fails() {
    expect "$1" timeout 20 mq-broker --bind "ipc://$scratch/second" --data "$data" --segment-size 256k
    grep -qF -- "$2" err || fail "not '$2': $(cat err)"
}

# overwrite FILE OFFSET TEXT
overwrite() {
    printf '%s' "$3" | dd of="$data/$1" bs=1 seek="$2" conv=notrunc status=none
}

first_segment() {
    find "$data" -name '*.segment' -printf '%f\n' | sort | head -n 1
}

expect 66 mq-broker --check "$data"
says 'no such directory'

# What is somebody else's is not touched, though it has such a name.
for name in lock shelf 1.spare; do
    mkdir "$data"
    echo precious >"$data/$name"
    start_fails 78 "$name in $data is no file of mq-broker's"
    [ "$(cat "$data/$name")" = precious ] || fail "$name was changed"
    [ "$(ls "$data")" = "$name" ] || fail "something was made beside $name: $(ls "$data")"
    rm -r "$data"
done

# A look leaves nothing behind, and needs no right to write.
mkdir "$data"
chmod 500 "$data"
expect 0 mq-broker --check "$data"
[ -z "$(ls "$data")" ] || fail "--check has made $(ls "$data")"
rmdir "$data"
check [ ! -e "$data" ]
expect 66 mq-broker --salvage "$data"

# A log of some segments, of a broker that was killed.
MQ_SERVER=ipc://$scratch/second
export MQ_SERVER
serve
seq 1 60 | while read -r n; do printf '%s %4000d\n' "$n" 0; done >items
split -l 10 items items.
for part in items.*; do
    mq put q -l <"$part"
done
expect 75 mq-broker --check "$data"
says 'in use by another mq-broker'
expect 75 mq-broker --salvage "$data"
stop
expect 0 mq-broker --check "$data"
grep -qx 'whole' out || fail "not whole: $(cat out)"
grep -q '^1 queue, 60 items waiting, 0 items leased, ' out || fail "not all there: $(cat out)"
expect 0 mq-broker --salvage "$data"
check [ -z "$(find "$data" -name '*.damaged')" ]
serve
stat_is q size 60 || fail "not all came back: $(mq stat q)"
stop

# A byte in the middle is another.
name=$(first_segment)
overwrite "$name" 100000 oops
start_fails 78 "$name: damaged at offset "
grep -q 'groups [0-9]* to [0-9]* cannot be read' err || fail "$(cat err)"
expect 78 mq-broker --check "$data"
grep -q "^$name: offset [0-9]*, [0-9]* bytes: damaged\$" out || fail "not told: $(cat out)"
grep -q '^lost: 1 group, ' out || fail "not told: $(cat out)"
grep -q "^damaged: mq-broker --salvage $data keeps what can be read\$" out || fail "not told: $(cat out)"
cp "$data/$name" damaged
expect 0 mq-broker --salvage "$data"
is_silent
grep -q '^whole again; ' out || fail "not told: $(cat out)"
check cmp damaged "$data/${name%.segment}.damaged"
grep -q '^1 queue, 50 items waiting, 0 items leased, ' out || fail "not told: $(cat out)"
expect 0 mq-broker --check "$data"
serve
check_stat q size 50
mq get q --all >got
check [ "$(cat items.a[abdef] | cmp got - && wc -l <got)" -eq 50 ]
stop
serve
check_stat q size 0
stop

# A first segment that is missing, though it is needed.
seq 1 300 | while read -r n; do printf '%s %4000d\n' "$n" 0; done >items
split -l 20 items part.
serve
for part in part.*; do
    mq put q -l <"$part"
done
stop
cp -r "$data" before-loss
rm "$data/$(first_segment)"
start_fails 78 "segments before "
expect 78 mq-broker --check "$data"
check [ "$(head -n 1 out)" = 'older segments are missing' ]
expect 0 mq-broker --salvage "$data"
expect 0 mq-broker --check "$data"
serve
mq get q --all >got
check [ -s got ]
! grep -qvxFf items got || fail 'something came back that was never put'
stop
rm -r "$data"
mv before-loss "$data"
expect 0 mq-broker --check "$data"

# No head at all, nothing at all, and a newer format.
name=$(first_segment)
cp -r "$data" before
overwrite "$name" 3 oops
start_fails 78 "$name: damaged at offset 0: it does not begin like a segment"
rm -r "$data"
cp -r before "$data"
echo 'not a log' >"$data/$name"
start_fails 78 "$name: damaged at offset 0: it is cut short"
expect 0 mq-broker --check before
