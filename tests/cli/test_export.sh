#!/bin/sh
# export and import: what comes out goes in again, byte for byte, and what is not whole is noticed.
# shellcheck source=tests/cli/cli.sh
. "$(dirname "$0")/cli.sh"

# What a queue has, but for ids and hand-outs.
contents() {
    for queue in "$@"; do
        mq stat "$queue" | grep -E '^(name|kind|maxsize|lease_ms|transient|size|bytes): '
        mq peek "$queue" -c 1000 --json 2>/dev/null | sed 's/"id":[0-9]*,//; s/"deliveries":[0-9]*,//'
    done
}

# again QUEUE...: exported, removed, imported and exported again, all is the same.
again() {
    contents "$@" >before
    expect 0 mq export "$@"
    cp out exported
    for queue in "$@"; do
        mq rm "$queue" --force -q
    done
    expect_from exported 0 mq import
    prints ''
    contents "$@" >after
    cmp before after || fail "not the same: $(diff before after | head -c 1000)"
    expect 0 mq export "$@" --json
    check [ "$(wc -c <out)" -eq "$(wc -c <exported)" ]
}

# Settings of all kinds, items in their order.
mq create plain
mq create stack --kind lifo --maxsize 1000 --lease 90s --transient
mq create urgent --kind priority --maxsize 7
for queue in plain stack urgent; do
    mq put "$queue" first second '' third
done
mq create empty --lease 1h
again plain stack urgent empty
grep -q '{"queue":"stack","items":4,"leased":0,"bytes":16}' err || fail "told: $(cat err)"
check [ "$(mq get stack)" = third ]
mq rm stack --force -q

# Keys of all types, with ties.
mq create keys --kind priority
for key in 5 -5 0 0.5 -0.25 9007199254740993 9007199254740992.0 1e300 text 'a b' '' '1,x' '1,' 'a,b,2.5' 5 text '1,x'; do
    mq put keys -p "$key" -- "$key/1" "$key/2"
done
again keys
mq get keys --all >order
check [ "$(sed -n 1,2p order | tr '\n' ' ')" = '-5/1 -5/2 ' ]
again keys

# Bodies: any bytes, none, and large ones.
mq create bytes
head -c 300000 /dev/urandom >random
head -c 1048576 /dev/urandom >mebibyte
head -c 5000000 /dev/urandom >large
printf '\0\n\0' >nul
: >nothing
for file in random nul nothing mebibyte large nothing; do
    mq put bytes -f "$file"
done
mq export bytes -q >exported
mq purge bytes -q
expect_from exported 0 mq import
says '6 items stored in 1 queue'
for file in random nul nothing mebibyte large nothing; do
    mq get bytes --raw -n | cmp - "$file" || fail "$file came out changed"
done
expect 4 mq get bytes -n

# Many small items, in both directions through pipes, compressed.
seq 1 200000 | mq put many -l
mq export many -q | gzip -1 | gzip -d | mq import --into copy -q
mq get copy --all >copied
seq 1 200000 | cmp - copied || fail "200000 items did not come out as they went in"
mq purge many -q

# Whatever was taken and came back, and what somebody has right now.
mq put held 1 2 3 4 5 6
mq get held -n >/dev/null
mq get held -n --no-done >/dev/null
mkfifo gate
mq work held -c 2 -j 2 -- sh -c 'read -r x <gate' &
worker=$!
eventually stat_is held leased 2
expect 0 mq export held
says '5 items of 1 queue, 2 of them leased'
cp out with
expect 0 mq export held --waiting
says '3 items of 1 queue'
cp out without
check_stat held leased 2
check_stat held size 3
exec 8<>gate # a reader that finds nobody writing would be at the end
echo >&8
echo >&8
ends "$worker" 0
exec 8<&-
for file in with without; do
    expect_from "$file" 0 mq import --into "$file" --json
done
prints '{"queue":"without","stored":3,"bytes":3}\n'
check [ "$(mq get with --all | tr '\n' ' ')" = '2 3 4 5 6 ' ]
check [ "$(mq get without --all | tr '\n' ' ')" = '4 5 6 ' ]

# While others put and get: what is there all the time is there once.
mq create busy
seq 1 60000 | mq put busy -l
seq 70000 200000 | mq put busy -l &
putter=$!
mq get busy -c 20000 >got &
getter=$!
mq export busy -q >busy.mq
ends "$putter" 0
ends "$getter" 0
mq import --into seen -q <busy.mq
mq get seen --all >exported
[ -z "$(sort exported | uniq -d)" ] || fail "an item is in the export twice"
sort -n -c exported || fail "items are out of order"
seq 20001 60000 >always
sort exported >exported.sorted
sort always | comm -23 - exported.sorted >missing
[ ! -s missing ] || fail "missing: $(head -n 5 missing)"
mq rm busy --force -q

# Every queue.
mq ls --names >names
mq export --all -q >all.mq
for queue in $(mq ls --names); do
    mq rm "$queue" --force -q
done
expect_from all.mq 0 mq import --json
check [ "$(wc -l <out)" -eq "$(wc -l <names)" ]
mq ls --names | cmp - names || fail "other queues: $(mq ls --names)"
check_stat plain size 4
check_stat urgent maxsize 7

# A queue that was shut down comes back open, and that is said.
mq create over
mq put over x
mq shutdown over
mq export over -q >over.mq
expect_from over.mq 6 mq import
says 'mq: import: over: queue is shut down'
mq rm over --force -q
expect_from over.mq 0 mq import
grep -q "over was shut down when it was exported" err || fail "not told: $(cat err)"
check_stat over state open

# What is there already: the same settings are fine, whether those in force or those it was created with; others are not.
mq create target --maxsize 10 --lease 5s
mq put target a b
mq export target -q >target.mq
expect_from target.mq 0 mq import
check_stat target size 4
mq set target --maxsize 20
mq export target -q >changed.mq
expect_from changed.mq 0 mq import
check_stat target size 8
mq set target --lease 6s
mq export target -q >other.mq
mq rm target --force -q
mq create target --maxsize 9
for file in target.mq changed.mq other.mq; do
    expect_from "$file" 73 mq import
    says 'maxsize'
done
check_stat target size 0
mq rm target -q
mq create target --kind lifo
expect_from target.mq 73 mq import
says 'kind'

# No room: some are stored, and it can go on from there.
mq create narrow
seq 1 10 | mq put narrow -l
mq set narrow --maxsize 4
mq export narrow -q >narrow.mq
mq rm narrow --force -q
expect_from narrow.mq 3 mq import -n
says '4 stored, then: narrow: queue is full; --skip 4 goes on there'
expect_from narrow.mq 5 mq import -n --skip 4
expect_from narrow.mq 5 mq import -t 50ms --skip 4
mq get narrow --all >first
mq import -q --skip 4 <narrow.mq &
importer=$!
mq get narrow -c 6 >second
ends "$importer" 0
cat first second >both
seq 1 10 | cmp - both || fail "not 1 to 10: $(cat both)"
expect_from narrow.mq 0 mq import --skip 10 --json
prints '{"queue":"narrow","stored":0,"bytes":0}\n'

# A body that this broker does not take.
mq-broker --bind "ipc://$scratch/strict" --max-body 1k >strict.ready 2>strict.log &
strict=$!
printf 'small' | mq put sizes
head -c 2000 random | mq put sizes
mq export sizes -q >sizes.mq
expect_from sizes.mq 65 mq -s "ipc://$scratch/strict" import
says 'larger than the broker takes'
kill "$strict"
wait "$strict" || :

# Cut short: wherever it is, that is noticed, and what was whole before is stored.
mq create cut
mq put cut one two three
mq export cut -q >whole.mq
mq rm cut --force -q
size=$(wc -c <whole.mq)
at=0
while [ "$at" -lt "$size" ]; do
    head -c "$at" whole.mq >cut.mq
    expect_from cut.mq 65 mq import
    says 'at byte'
    at=$((at + 13))
done
head -c $((size - 1)) whole.mq >cut.mq
mq rm cut --force -q
expect_from cut.mq 65 mq import --json
says "3 stored, then, at byte $((size - 4)) of the input: it ends too early: the export was cut short"
prints '{"queue":"cut","stored":3,"bytes":11}\n'
check_stat cut size 3
mq purge cut -q
head -c $((size - 10)) whole.mq >cut.mq
expect_from cut.mq 65 mq import --json
prints '{"queue":"cut","stored":2,"bytes":6}\n'
expect 65 mq import
says 'at byte 0 of the input: there is none'

# Two exports are one, one behind the other.
mq purge cut -q
cat whole.mq whole.mq >twice.mq
expect_from twice.mq 0 mq import
says '6 items stored in 2 queues'

# What is no export, and what is not one any more.
bad() {
    printf '%b' "$1" >bad.mq
    expect_from bad.mq 65 mq import
    says "$2"
}
bad 'hello\n' 'not an export'
bad '\037\213\010' 'not an export'
bad '\0223\0251mq export\002\0200' 'newer version'
bad '\0223\0251mq export\001\0200\0222\004\001' 'too few'
bad '\0223\0251mq export\001\0200\0223\004\001\0200' 'queues are missing'
bad '\0223\0251mq export\001\0200\0224\001\0241q\0201\0243ttl\005\0200' 'does not know'
mq purge cut -q
head -c 1000000 /dev/urandom >>whole.mq
expect_from whole.mq 65 mq import
says '3 stored, then, at byte '
check_stat cut size 3

# What is asked for must be there, and nothing is written before that is known.
expect 66 mq export plain nothing
says 'mq: export: nothing: no such queue'
prints ''
expect 64 mq export
expect 64 mq export --all plain
expect 64 mq import --into 'a b'
expect 64 mq import file
expect 74 sh -c 'mq export plain >/dev/full'
expect 69 mq -s "ipc://$scratch/nobody" --connect-timeout 100ms export plain
