#!/bin/sh
# What is at the other end of a pipe may go away: nothing is lost, and nothing is done that was not written.
# shellcheck source=tests/cli/cli.sh
. "$(dirname "$0")/cli.sh"

# A full disk: the items go back untouched.
mq put q one two three
expect 74 sh -c 'mq get q --all >/dev/full'
check_stat q size 3
check_stat q leased 0
expect 0 mq get q --json
check grep -q '"deliveries":1,"body":"one"' out

# A reader that has enough: the rest is still there, and so is what it may not have seen.
mq purge q -q
seq 1 5000 | mq put q -l
mkfifo pipe
mq get q --all >pipe 2>err &
getter=$!
head -n 1 <pipe >first
check [ "$(cat first)" = 1 ]
code=0
wait "$getter" || code=$?
case $code in
    3 | 74) says "Broken pipe" ;;
    0) ;; # all of it fitted into the pipe
    *) fail "get ended with $code: $(cat err)" ;;
esac
check_stat q leased 0
mq get q --all >rest
[ "$code" -eq 0 ] || [ "$(tail -n 1 rest)" = 5000 ]

# A reader that was never there.
mq purge q -q
mq put q x
exec 3<>pipe 4>pipe 3<&-
code=0
mq get q >&4 2>err || code=$?
exec 4>&-
[ "$code" -eq 74 ] || fail "get into a pipe without a reader ended with $code"
says "Broken pipe"
check_stat q size 1

# Closed standard streams are errors, and nothing else gets their numbers.
mq purge q -q
mq put q x
expect 74 sh -c 'mq get q >&-'
says "cannot write: Bad file descriptor"
expect 74 sh -c 'mq put q <&-'
says "Bad file descriptor"
check_stat q size 1
expect 74 sh -c 'mq ping -c 1 <&- >&- 2>&-'

# From queue to queue, over and over, any bytes but NUL.
head -c 1000000 /dev/urandom | tr '\0' '\n' >bytes
split -b 5003 bytes piece.
for piece in piece.*; do
    cat "$piece"
    printf '\0'
done >pieces
mq put a -0 -f pieces
mq get -0 --all a | mq put -0 b
mq get -0 --all b | mq put -0 c
expect 0 mq get c --all -0
check cmp out pieces
check_stat c "done" "$(find . -name 'piece.*' | wc -l)"
