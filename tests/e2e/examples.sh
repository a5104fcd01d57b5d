#!/bin/sh
# examples.sh BUILD - the example programs do what they say.
build=$1
. "$(dirname "$0")/support/broker.sh"
start_broker "$build/mq-broker"

# expect PROGRAM: it must print what comes on stdin.
expect() {
    cat >"$scratch/expected"
    "$build/examples/$1" >"$scratch/seen" || fail "$1 failed"
    diff -u "$scratch/expected" "$scratch/seen" || fail "$1 printed something else"
}

expect threads <<'END'
1000 items, sum 125500
END
expect bounded <<'END'
after 3 puts the producer waits
10 items done, never more than 3 waiting
END
expect join <<'END'
stage 1: 100 items done
stage 2: 100 items done
stage 3: 100 items done
END
expect priorities <<'END'
minus one
two and a half
ten
ten, but later
strings come after numbers
tuples come last
END

# The two that are processes: what two consumers print is together what the producer put.
"$build/examples/consumer" >"$scratch/consumer.1" &
first=$!
"$build/examples/consumer" >"$scratch/consumer.2" &
second=$!
[ "$("$build/examples/producer" 200 2)" = "200 items put and done" ] || fail "the producer failed"
wait "$first" || fail "the first consumer failed"
wait "$second" || fail "the second consumer failed"
seq 1 200 | sed 's/^/item /' | sort >"$scratch/expected"
sort "$scratch/consumer.1" "$scratch/consumer.2" | diff -u "$scratch/expected" - || fail "items are missing"
for program in "$build"/examples/*; do
    case ${program##*/} in
        threads | bounded | join | priorities | producer | consumer) ;;
        *) fail "no test for ${program##*/}" ;;
    esac
done
