#!/bin/sh
# readme.sh README BUILD CC [CFLAGS] - what README.md shows is true. Each ```console block is run against one broker:
# its "$ " lines are the commands, the other lines what they must print. Each ```c block is compiled and run.
readme=$(realpath "$1") build=$2 cc=$3 cflags=${4:-}
source=$(dirname "$readme")
. "$(dirname "$0")/support/broker.sh"
PATH=$build:$PATH
export PATH
start_broker mq-broker
cd "$scratch"

# Splits the README into files N.console and N.c.
awk '/^```(console|c)$/ { name = sprintf("%03d.%s", ++count, substr($0, 4)); next }
     /^```/ { name = ""; next }
     name { print > name }' "$readme"

run_console() {
    sed -n 's/^\$ //p' "$1" >"$1.sh"
    grep -v '^\$ ' "$1" >"$1.expected" || true
    sh -eu "$1.sh" >"$1.seen" || fail "a command failed in: $(cat "$1")"
    diff -u "$1.expected" "$1.seen" || fail "README.md shows something else"
}

run_c() {
    # shellcheck disable=SC2086
    "$cc" $cflags -Wall -Wextra -I "$source/client" -I "$source/proto" "$1" "$build/libmqc.so" -o "$1.program"
    LD_LIBRARY_PATH=$build "./$1.program" >"$1.seen" || fail "$1 failed: $(cat "$1")"
}

count=0
for block in *.console *.c; do
    case $block in
        *.console) run_console "$block" ;;
        *.c) run_c "$block" ;;
    esac
    count=$((count + 1))
done
[ "$count" -ge 3 ] || fail "only $count blocks found"

# Functions and files that it names exist, and the broker's options are all in it and in their manual page.
# shellcheck disable=SC2016
grep -o '`[a-z_]*()`' "$readme" | tr -d '`()' | sort -u | while read -r function; do
    grep -rqE "^[a-z].*[ *]$function\(" "$source/broker" "$source/client" "$source/proto" || fail "no function $function()"
done
# shellcheck disable=SC2016
grep -oE '\]\([a-zA-Z][a-zA-Z/._-]*\)|`[a-z]+/[a-zA-Z0-9/._*-]*`' "$readme" | tr -d '`()]' | sort -u | while read -r path; do
    case $path in build/*) continue ;; esac
    # shellcheck disable=SC2086
    ls -d "$source"/$path >/dev/null || fail "no file $path"
done
mq-broker --help | grep -oE '^  --[a-z-]+' | tr -d ' ' | grep -vE '^--(version|help)$' | while read -r option; do
    grep -q -- "\`$option" "$readme" || fail "README.md says nothing of $option"
    sed 's/\\-/-/g' "$source/broker/mq-broker.1" | grep -q -- "$option" || fail "mq-broker.1 says nothing of $option"
done

# The library's page names every call.
grep -oE '\bmqc_[a-z_]+\(' "$source/client/mqc.h" | tr -d '(' | sort -u | while read -r call; do
    grep -qw "$call" "$source/client/mqc.3" || fail "mqc.3 says nothing of $call"
done
