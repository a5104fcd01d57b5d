#!/bin/sh
# install.sh BUILD CC [CFLAGS] - what `cmake --install` leaves is enough for a program of ten lines: it is built with
# pkg-config against the shared and the static library, and run with the installed broker and command.
build=$1 cc=$2 cflags=${3:-}
. "$(dirname "$0")/support/broker.sh"
prefix=$scratch/prefix
cmake --install "$build" --prefix "$prefix" >"$scratch/install.log" || fail "cannot install: $(cat "$scratch/install.log")"

libdir=$(dirname "$(find "$prefix" -name 'libmqc.so')")
export PKG_CONFIG_PATH="$libdir/pkgconfig"
for file in bin/mq bin/mq-broker include/mqc.h include/mq_types.h share/man/man1/mq.1 share/man/man1/mq-broker.1; do
    [ -f "$prefix/$file" ] || fail "$file is not installed"
done
[ -n "$(find "$prefix" -name 'libmqc.3')" ] || fail "the manual page of the library is not installed"

cat >"$scratch/ten.c" <<'END'
#include <mqc.h>
#include <stdio.h>
int main(void)
{
    struct mqc *mq;
    struct mqc_queue *jobs;
    struct mqc_item *item;
    if (mqc_open(NULL, NULL, &mq) || mqc_queue_open(mq, "jobs", NULL, &jobs))
        return 1;
    if (mqc_put(jobs, "hello", 5, MQ_FOREVER) || mqc_get(jobs, MQ_FOREVER, &item))
        return 2;
    printf("%.*s\n", (int)mqc_item_size(item), (const char *)mqc_item_body(item));
    if (mqc_task_done(item))
        return 3;
    mqc_queue_close(jobs);
    mqc_close(mq);
    return 0;
}
END
mkdir "$scratch/static"
cp "$libdir/libmqc.a" "$scratch/static"
# shellcheck disable=SC2046,SC2086
{
    "$cc" $cflags -Wall -Wextra -Werror "$scratch/ten.c" $(pkg-config --cflags --libs libmqc) -o "$scratch/shared_ten"
    "$cc" $cflags -Wall -Wextra -Werror "$scratch/ten.c" $(pkg-config --cflags libmqc) \
        $(pkg-config --static --define-variable=libdir="$scratch/static" --libs libmqc) -o "$scratch/static_ten"
}
ldd "$scratch/static_ten" | grep libmqc && fail "the static program uses the shared library"

start_broker "$prefix/bin/mq-broker"
[ "$(LD_LIBRARY_PATH=$libdir "$scratch/shared_ten")" = hello ] || fail "the shared program does not say hello"
[ "$("$scratch/static_ten")" = hello ] || fail "the static program does not say hello"
[ "$(echo hi | "$prefix/bin/mq" put greetings && "$prefix/bin/mq" get greetings)" = hi ] || fail "mq does not say hi"
