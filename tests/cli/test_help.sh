#!/bin/sh
# Help, the examples in it, and what a wrong command line is told.
# shellcheck source=tests/cli/cli.sh
. "$(dirname "$0")/cli.sh"

commands="create set put get work join ls stat peek purge rm shutdown export import ps ping bench"

# The usage lists every command; each has help with an example, by all three ways, and its examples work.
expect 0 mq help
for command in $commands; do
    grep -q "^  $command " out || fail "mq help does not list $command"
done
cp out usage
expect 0 mq --help
check cmp out usage
expect 64 mq
check cmp err usage
check [ ! -s out ]

for command in $commands; do
    expect 0 mq help "$command"
    cp out help
    expect 0 mq "$command" --help
    check cmp out help
    expect 0 mq "$command" -h
    check cmp out help
    ! grep -n ' $' help || fail "the help of $command has blanks at the end of a line"
    sed -n '/^Example:$/,$s/^    //p' help >example.sh
    [ -s example.sh ] || fail "no example of $command"
    for queue in jobs urgent; do
        mq rm "$queue" --force 2>/dev/null || :
    done
    sh -eu example.sh >out 2>err </dev/null || fail "the example of $command failed: $(cat err)"
done

# The manual page knows every command and option.
sed 's/\\-/-/g; s/\\f[A-Z]//g' "$room/../../client/mq.1" >manual
for command in $commands; do
    grep -Eq "^\.[BIR]+ \"?mq $command" manual || fail "mq.1 has no command $command"
    mq help "$command" | sed -n 's/^  \(-[^ ]*\) .*/\1/p' | tr -d , >options
    while read -r option; do
        grep -q -- "$option" manual || fail "mq.1 has no option $option of $command"
    done <options
done

# The exit codes are the same in the code, the usage, the manual page and the README.
codes=$(sed -n '/^enum cli_exit/,/^}/s/^    CLI_[A-Z_]* = \([0-9]*\),\{0,1\}.*/\1/p' "$room/../../client/cli.h" | sort -n)
check [ "$(echo "$codes" | wc -l)" -ge 17 ]
exit_codes_of() {
    tr '\n' ' ' | sed 's/.*Exit codes: //; s/\. .*//' | tr ',' '\n' | sed -n 's/^ *\([0-9][0-9]*\) .*/\1/p' | sort -n
}
[ "$codes" = "$(exit_codes_of <usage)" ] || fail "mq help lists other exit codes"
[ "$codes" = "$(exit_codes_of <"$room/../../README.md")" ] || fail "README.md lists other exit codes"
[ "$codes" = "$(sed -n '/^.SH EXIT STATUS/,/^.SH ENV/s/^\.B \([0-9]*\)$/\1/p' manual | sort -n)" ] ||
    fail "mq.1 lists other exit codes"

expect 64 mq help nonsense
says "mq: unknown command 'nonsense'"

expect 0 mq --version
check grep -Eqx 'mq [0-9]+\.[0-9]+\.[0-9]+' out

# A wrong command line gets one line, and nothing happens.
wrong() {
    text=$1
    shift
    expect 64 mq "$@"
    says "$text"
    check [ ! -s out ]
}
wrong "mq: unknown command 'nonsense'; see 'mq help'" nonsense
wrong "mq: put: unknown option '--nonsense'; see 'mq put --help'" put q --nonsense
wrong "mq: put: unknown option '--nonsense'" put q --nonsense=5
wrong "mq: put: unknown option '-x'" put q -x
wrong "mq: unknown option '-x'; see 'mq help'" -x put q
wrong "mq: put: option '-t' needs a value" put q -t
wrong "mq: create: option '--kind' needs a value" create q --kind
wrong "mq: get: option '--all' takes no value" get q --all=1
wrong "mq: get: option '--quiet' takes no value" get q --quiet=1
wrong "mq: put: option '-s' needs a value" put q --server
wrong "mq: get: unknown option '-x'" get q --json -nx
wrong "mq: put: no queue given; see 'mq put --help'" put
wrong "mq: work: no queue given" work
wrong "mq: create: unexpected argument 'b'" create a b
wrong "mq: get: unexpected argument 'b'" get a b
wrong "mq: ls: unexpected argument 'a'" ls a
wrong "mq: get: option '--help' takes no value" get --help=1
wrong "'5x' is not a duration" get q -t 5x
wrong "'-1' is not a duration" get q -t -1
wrong "'many' is not a whole number" get q -c many
wrong "'0' is not a whole number, at least 1; see" get q -c 0
wrong "-n and -t exclude each other" get q -n -t 1
wrong "-n and -t exclude each other" put q x -n -t 1
wrong "-c and --all exclude each other" get q -c 2 --all
wrong "--raw and -0 exclude each other" get q --raw -0
wrong "--json excludes --raw and -0" get q --raw --json
wrong "-l and -0 exclude each other" put q -l -0
wrong "bodies are given" put q body -l
wrong "bodies are given" put q body -f file
wrong "'1e999' is beyond the largest number" put q body -p 1e999
wrong "'heap' is not a kind of queue" create q --kind heap
wrong "'x' is not a whole number; see" create q --maxsize x
wrong "unknown option '--max-bytes'" create q --max-bytes 5
wrong "unknown option '--kind'" set q --kind lifo
wrong "nothing to set" set q
wrong "'1001' is not a whole number from 1 to 1000; see" peek q -c 1001
wrong "no command given" work q
wrong "no command given" work q --
wrong "unexpected argument 'cat'" work q cat -- x
wrong "'1001' is not a whole number" work q -j 1001 -- cat
wrong "'x' is not a duration" ping --connect-timeout x
wrong "mq: ping: --connect-timeout is at least 1ms" ping --connect-timeout 0
wrong "mq: ping:" -s nonsense ping
expect 0 mq ls --names
! grep -qx q out || fail "a wrong command line has made a queue"

# Options may stand anywhere, whatever the environment says; operands that look like options stand behind --.
expect 0 mq put q one -q
expect 0 mq -q --server "$MQ_SERVER" put q two
expect 0 env POSIXLY_CORRECT=1 mq put q three -s "$MQ_SERVER" -v
check grep -Eqx '[0-9]+' out
expect 0 mq put -- q -v --json
expect 0 env -u MQ_SERVER mq get --all q -s "$MQ_SERVER"
prints 'one\ntwo\nthree\n-v\n--json\n'
expect 0 mq put q -t5s -v -- a
expect 0 mq get -c1 q
prints 'a\n'

# Output that cannot be written is not a success.
expect 74 sh -c 'mq help >/dev/full'
says "cannot write: No space left on device"
