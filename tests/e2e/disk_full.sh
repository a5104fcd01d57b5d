#!/bin/sh
# disk_full.sh BUILD - on a full disk puts are refused with the reason, everything else goes on, and when what was
# waiting is done there is room again. The disk is a small tmpfs in a mount namespace of its own; where that is not
# allowed the test is skipped (77).
. "$(dirname "$0")/support/data.sh"
mkdir "$data"
if [ "$(id -u)" -eq 0 ]; then spaces=-m own=; else spaces=-rm own="-U --preserve-credentials"; fi
unshare $spaces sh -c 'mount -t tmpfs -o size=12m mq-test "$1" && echo mounted && exec sleep 600' sh "$data" >mounted 2>&1 &
holder=$!
trap 'kill "$holder"; end_test' EXIT
until grep -q . mounted; do
    kill -0 "$holder" 2>/dev/null || break
    pause
done
if ! grep -q mounted mounted; then
    echo "no mount namespaces here: $(cat mounted)" >&2
    trap end_test EXIT
    exit 77
fi
inside="nsenter -t $holder -m $own --wd=$scratch"
start

body=$(head -c 100000 /dev/zero | tr '\0' x)
stored=0
while mq put q "$body" 2>err; do
    stored=$((stored + 1))
    [ "$stored" -lt 5000 ] || fail "the disk never got full"
done
grep -qF "disk is full" err || fail "not the reason: $(cat err)"
[ "$stored" -gt 30 ] || fail "full after $stored items only"
stat_is data full
expect 75 mq put q one
expect 75 mq put q one -t 1

# All else goes on.
expect 0 mq ls
expect 0 mq get q -n --no-done
expect 0 mq get q -n
expect 0 mq create another
expect 0 mq shutdown another
[ "$(mq stat q | sed -n 's/^size: //p')" -eq $((stored - 1)) ] || fail "the queue has another size"

# Also over a restart, after which the disk is as full.
kill_broker
start
expect 0 mq get q -n
[ "$(mq stat q | sed -n 's/^size: //p')" -eq $((stored - 2)) ] || fail "the queue has another size after the restart"

# When the items are done there is room.
expect 0 mq get q --all
[ "$(wc -l <out)" -eq $((stored - 2)) ] || fail "not all items were there"
eventually mq put q "new"
stat_is data ok
kill_broker
start
expect 0 mq get q --all
[ "$(cat out)" = new ] || fail "not what was put: $(cat out)"
