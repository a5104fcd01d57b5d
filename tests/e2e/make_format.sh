#!/bin/sh
# make_format.sh BUILD FILE.tar.gz - makes a data directory with one of everything, as the broker in BUILD writes it, for
# tests/e2e/format.sh. Once a format has been released its file is never made again: brokers must start on it for ever.
file=$(realpath "$2")
. "$(dirname "$0")/support/data.sh"
segment=256k
start

mq create fifo --maxsize 100
printf 'one\ntwo\nthree\nfour\nfive\n' | mq put fifo -l
mq create lifo --kind lifo
printf 'bottom\nmiddle\ntop\n' | mq put lifo -l
mq create priority --kind priority --lease 1h
mq put priority -p 10 ten
mq put priority -p -1 'minus one'
mq put priority -p 2.5 'two and a half'
mq put priority -p word 'a word'
mq put priority -p 1,x 'a tuple'
mq put priority -p 10 'ten, but later'
mq create passing --transient
mq put passing gone
mq put closed 'still there'
mq shutdown closed
mq put removed x
mq rm removed --force
mq put purged x
mq purge purged
printf '\000\001\377' | mq put binary
head -c 100000 /dev/zero | mq put large

# One that was given back, two that were done, and two that a client holds when everything ends.
mq get fifo -c 2 >/dev/null
mq get fifo -n --no-done >/dev/null
mq work fifo -j 2 -- sh -c 'echo held >>held; exec sleep 60' &
worker=$!
eventually sh -c '[ "$(wc -l <held)" -eq 2 ]'
eventually sh -c 'mq stat | grep -qx "unsafe_bytes: 0"'
kill_broker
kill -9 "$worker"
pkill -9 -P "$worker" || :
rm -f "$data"/*.spare "$data"/lock "$data"/shelf
tar -C "$data" --sort=name --owner=0 --group=0 --mtime=@0 -cf - . | gzip -9n >"$file"
