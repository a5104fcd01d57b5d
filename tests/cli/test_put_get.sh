#!/bin/sh
# Bodies go in and come out byte for byte, in every way that put and get know.
# shellcheck source=tests/cli/cli.sh
. "$(dirname "$0")/cli.sh"

# Arguments, stdin as one item, a file as one item.
expect 0 mq put q one '' 'two words'
is_silent
check [ ! -s out ]
expect 0 mq get q -c 3
prints 'one\n\ntwo words\n'
is_silent
printf 'a\nb\0c\r\n' >file
expect_from file 0 mq put q
expect 0 mq put q -f file
expect_from file 0 mq put q -f -
for _ in 1 2 3; do
    expect 0 mq get q --raw
    check cmp out file
done
expect_from /dev/null 0 mq put q
expect 0 mq get q --raw
prints ''
expect 4 mq get q -n
says "mq: get: queue is empty"

# Lines: an empty one is an empty item, CR is kept, NUL is a byte, the last newline may be missing.
printf 'one\n\ntwo\r\n\0three' >lines
expect_from lines 0 mq put q -l
check_stat q size 4
expect 0 mq get q --all
prints 'one\n\ntwo\r\n\0three\n'
expect_from /dev/null 0 mq put q -l
check_stat q size 0
printf '\n' >newline
expect_from newline 0 mq put q -l
check_stat q size 1
expect 0 mq get q --all -0
prints '\0'
printf 'a\nb\0\0c' >pieces
expect 0 mq put q -0 -f pieces
check_stat q size 3
expect 0 mq get q --all -0
prints 'a\nb\0\0c\0'

# Many lines of random text, and pieces of random bytes, longer than any buffer.
head -c 3000000 /dev/urandom | base64 -w 77 >text
expect_from text 0 mq put q -l
check_stat q size "$(wc -l <text)"
expect 0 mq get q --all
check cmp out text
head -c 5000000 /dev/urandom >bytes
{ cat bytes; printf '\0'; } >bytes0
expect_from bytes0 0 mq put q -0
mq get -0 --all q | mq put -0 q2
expect 0 mq get q2 --all -0
check cmp out bytes0
expect_from bytes 0 mq put q
expect 0 mq get q --raw
check cmp out bytes

# The largest body, and one byte more.
head -c 16777216 /dev/urandom >largest
expect_from largest 0 mq put q
expect 0 mq get q --raw
check cmp out largest
tr '\n\0' 'xx' <largest >line
{ echo first; cat line; echo; echo last; } >long_lines
expect_from long_lines 0 mq put q -l
expect 0 mq get q -c 3
check cmp out long_lines
printf x >>largest
expect_from largest 65 mq put q
says "larger than 16777216 bytes"
{ echo first; echo second; cat line; echo x; echo last; } >too_long
expect_from too_long 3 mq put q -l
says "2 stored, then item 3: larger than 16777216 bytes"
expect 0 mq get q --all
prints 'first\nsecond\n'

# A slow pipe is stored as it comes, and printed as it comes.
mkfifo slow printed
mq put q -l <slow >put.out 2>err &
putter=$!
exec 3>slow
mq get q -c 2 >printed &
getter=$!
exec 4<printed
echo one >&3
read -r line <&4
check [ "$line" = one ]
printf 'tw' >&3
printf 'o\nrest' >&3
read -r line <&4
check [ "$line" = two ]
exec 3>&- 4<&-
ends "$putter" 0
ends "$getter" 0
expect 0 mq get q
prints 'rest\n'

# get waits for items, with and without a limit.
expect 4 mq get q -t 10ms
mq get q -c 2 >later &
getter=$!
eventually stat_is q getters 1
mq put q a
mq put q b
ends "$getter" 0
printf 'a\nb\n' | cmp - later

# put waits for room.
mq create small --maxsize 2
mq put small a b c d >/dev/null &
putter=$!
eventually stat_is small putters 1
expect 0 mq get small -c 4
prints 'a\nb\nc\nd\n'
ends "$putter" 0

# Ids grow.
expect 0 mq put q a b c -v
sort -n -u out | cmp - out
check [ "$(wc -l <out)" -eq 3 ]
cp out ids
expect 0 mq --json get q --all
sed 's/.*"id":\([0-9]*\),.*/\1/' out | cmp - ids

# --no-done gives back, untouched and in place.
mq put q x y
expect 0 mq get q --all --no-done
prints 'x\ny\n'
expect 0 mq get q --json
check grep -q '"deliveries":1,"body":"x"' out
check_stat q redelivered 0
expect 0 mq get q

# Priorities: numbers by value, before strings, before tuples; ties in the order of arrival.
mq create p --kind priority
for key in z 1.5 10 -2 a,1 2 a 1,b 1.5; do
    mq put -p "$key" -- p "$key"
done
mq put p none
expect 0 mq get p --all
prints '\0552\nnone\n1.5\n1.5\n2\n10\na\nz\n1,b\na,1\n'
expect 65 mq put q x -p 5
says "mq: put: "
mq create l --kind lifo
mq put l 1 2 3
expect 0 mq get l --all
prints '3\n2\n1\n'

# JSON: an object a line; bodies that are not text in base64; priorities with their type.
printf '\377\0' >binary
expect_from binary 0 mq put p -p '1,x'
mq put p 'text "quoted"' -p 0.5
mq put p '' -p name
printf 'a\0b\n' | mq put p -p 2
expect 0 mq get p --all --json
sed 's/"id":[0-9]*/"id":0/' out >plain
cat >wanted <<'END'
{"queue":"p","id":0,"priority":0.5,"deliveries":1,"body":"text \"quoted\""}
{"queue":"p","id":0,"priority":2,"deliveries":1,"body":"a\u0000b\n"}
{"queue":"p","id":0,"priority":"name","deliveries":1,"body":""}
{"queue":"p","id":0,"priority":[1,"x"],"deliveries":1,"body_base64":"/wA="}
END
check cmp plain wanted
expect 0 mq put q x -v --json
check grep -Eqx '\{"id":[0-9]+\}' out
expect 0 mq --json get q
check grep -q '"priority":null' out
