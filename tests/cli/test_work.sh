#!/bin/sh
# mq work: every item is run once, its output is passed on in whole, and what fails goes back.
# shellcheck source=tests/cli/cli.sh
. "$(dirname "$0")/cli.sh"

# Body on stdin, facts in the environment, {} in arguments, no shell in between.
mq put q one 'two words' ''
expect 0 mq work q --all -- sh -c 'echo "$MQ_QUEUE $MQ_DELIVERIES [$(cat)] $1"' sh '<{}>{}'
prints 'q 1 [one] <one>one\nq 1 [two words] <two words>two words\nq 1 [] <>\n'
is_silent
check_stat q "done" 3
mq put q '$(echo no) ; `x` *'
expect 0 mq work q -c 1 -- printf '%%s|%%s\n' {} -n
expect 4 mq get q -n
id=$(mq put q x -v)
expect 0 mq work q -c 1 -- sh -c 'echo $MQ_ITEM_ID >&2'
check [ "$(cat err)" = "$id" ]

# Options of the command are the command's.
mq put q b a
expect 3 mq work q --all -- sort --nonsense
mq purge q -q
printf 'b\na\n' | mq put q
expect 0 mq work q --all -j 1 -- sort -r -s
prints 'b\na\n'

# Quick commands over many items: each is run once, and all are done at the end.
seq 500 | mq put -l many
expect 0 mq work many --all -j 3 -- cat
tr -d '\n' <out | wc -c >size # in any order
check [ "$(cat size)" -eq 1392 ]
check_stat many done 500

# A worker at a long command keeps nothing from others.
seq 50 | mq put -l long
mkfifo valve
mq work long -- sh -c 'echo $MQ_ITEM_ID >>started; cat valve' >/dev/null &
worker=$!
eventually stat_is long leased 1
check [ "$(mq get long --all | wc -l)" -eq 49 ]
kill "$worker"
: >valve
ends "$worker" 0
check_stat long unfinished 0

# -c N ends after N items.
mq put q 1 2 3
expect 0 mq work q -c 2 -- cat
prints '12'
check_stat q size 1
mq purge q -q

# A failed item is kept to the end, given back as tried, and never run twice.
mq put q ok1 bad ok2 worse ok3
cat >judge <<'END'
#!/bin/sh
body=$(cat)
echo "$body $MQ_DELIVERIES"
case $body in bad) exit 9 ;; worse) kill -KILL $$ ;; esac
END
chmod +x judge
expect 3 mq work q --all -- ./judge
sort out >seen
printf 'bad 1\nok1 1\nok2 1\nok3 1\nworse 1\n' | cmp - seen
check grep -q 'item [0-9]* failed: exit code 9 (delivery 1)' err
check grep -q 'item [0-9]* failed: killed by signal 9' err
tail -n 1 err | grep -qx 'mq: work: 3 done, 2 failed'
check_stat q size 2
check_stat q leased 0
expect 3 mq work q -c 1 -- ./judge
prints 'bad 2\n'
expect 3 mq -q work q --all -j 4 -- ./judge
says "mq: work: 0 done, 2 failed"
mq purge q -q

# Without an end, it is tried again and again after a pause, and the others go on meanwhile: here it waits for them.
cat >patient <<'END'
#!/bin/sh
body=$(cat)
echo "$body $MQ_DELIVERIES" >>log
[ "$body" != stubborn ] || { [ "$MQ_DELIVERIES" -ge 3 ] && grep -q easy2 log; }
END
chmod +x patient
mq put again stubborn easy1 easy2
mq work again -- ./patient 2>err &
worker=$!
eventually stat_is again "done" 3
kill -s TERM "$worker"
ends "$worker" 3
grep stubborn log | head -n 3 >seen
printf 'stubborn 1\nstubborn 2\nstubborn 3\n' | cmp - seen
tail -n 1 err | grep -q '^mq: work: 3 done, [0-9]* failed$'

# A body that cannot be an argument fails; as stdin it is as good as any.
printf 'a\0b' | mq put q
head -c 200000 /dev/zero | tr '\0' x | mq put q
expect 3 mq work q --all -- echo {}
check [ "$(grep -c 'the body has a NUL or is too long for an argument' err)" -eq 2 ]
expect 0 mq work q --all -- wc -c
prints '3\n200000\n'

# Large bodies: into commands that read, that do not, and that read late.
head -c 16000000 /dev/urandom >large
mq put q -f large
mq put q -f large
expect 0 mq work q -c 1 -- cat
check cmp out large
expect 0 mq work q --all -- true
mq put q -f large
expect 0 mq work q --all -- sh -c 'cat large large >&2; cat'
check cmp out large
cat large large | cmp - err
expect 1 sh -c 'ls "${TMPDIR:-/tmp}" | grep mq-work'

# Four at a time, and no run's output within another's.
seq 1 40 | mq put q -l
cat >noisy <<'END'
#!/bin/sh
body=$(cat)
i=0
while [ $i -lt 200 ]; do
    echo "$body line $i"
    i=$((i + 1))
done
END
chmod +x noisy
expect 0 mq work q -j 4 --all -- ./noisy
check [ "$(wc -l <out)" -eq 8000 ]
[ "$(cut -d ' ' -f 1 out | uniq | wc -l)" -eq 40 ]
[ "$(cut -d ' ' -f 1 out | sort -n -u | wc -l)" -eq 40 ]

# They do run at the same time: each waits for the other.
mkfifo left right
mq put q 'echo >left; read -r x <right' 'read -r x <left; echo >right'
expect 0 mq work q -j 2 --all -- sh

# No more is taken than there are slots.
mq put gated 1 2 3 4 5
mkfifo gate
mq work gated -j 2 -- sh -c 'read -r x <gate' 2>err &
worker=$!
eventually stat_is gated leased 2
check_stat gated size 3

# SIGTERM lets finish what runs, and takes nothing new.
kill -s TERM "$worker"
exec 3<>gate
echo >&3
echo >&3
ends "$worker" 0
check_stat gated "done" 2
check_stat gated size 3
exec 3>&-
mq put q 1 2 3

# A Ctrl-C is 130; a second one is passed on to the commands.
with_signals mq work q -- sh -c 'echo started >running; exec sleep 1000' 2>err &
worker=$!
eventually test -s running
kill -s INT "$worker"
kill -s TERM "$worker"
ends "$worker" 130
tail -n 1 err | grep -q 'mq: work: interrupted; 0 done, 1 failed'
check_stat q size 3
rm running

# ... and a third kills what does not listen, with all that it has started.
with_signals mq work q -- sh -c 'trap "" TERM INT; echo started >running; sleep 1000; sleep 1000' 2>err &
worker=$!
eventually test -s running
kill -s INT "$worker"
kill -s TERM "$worker"
eventually sh -c "kill -s INT $worker; ! kill -0 $worker"
ends "$worker" 130
mq purge q -q

# --all waits for what others hold: it may come back.
mq put q held
exec 3<>gate
mq work q -c 1 -q -- sh -c 'read -r x <gate; exit 1' 2>/dev/null &
holder=$!
eventually stat_is q leased 1
mq work q --all -- cat >out 2>err &
worker=$!
eventually sh -c "mq ps --json | grep '\"mq work' | grep -q '\"get\"'"
echo >&3
ends "$holder" 3
ends "$worker" 0
prints 'held'

# So it does on a queue that is shut down.
mq put q held
mq work q -c 1 -q -- sh -c 'read -r x <gate; exit 1' 2>/dev/null &
holder=$!
eventually stat_is q leased 1
mq shutdown q
mq work q --all -- cat >out 2>err &
worker=$!
eventually sh -c "mq ps --json | grep '\"mq work' | grep -q '\"join\"'"
echo >&3
ends "$holder" 3
ends "$worker" 0
prints 'held'
exec 3>&-
expect 0 mq work q --all -- cat
expect 6 mq work q -- cat
says "mq: work: queue is shut down"
expect 6 mq work q -c 2 -- cat

# Output that cannot be passed on: the item goes back.
mq put r x
expect 74 sh -c 'mq work r -c 1 -- echo hello >/dev/full'
check_stat r size 1
