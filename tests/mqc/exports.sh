#!/bin/sh
# exports.sh LIBMQC.SO LIBMQC.A MQC.H - both libraries define the names of the public header, and no others.
set -eu
shared=$1 static=$2 header=$3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

grep -v '^typedef' "$header" | grep -o 'mqc_[a-z_]*(' | tr -d '(' | sort -u >"$scratch/header"
nm -D --defined-only "$shared" | awk '{print $NF}' | sort -u >"$scratch/shared"
nm -g --defined-only "$static" | awk 'NF == 3 {print $3}' | sort -u >"$scratch/static"
for library in shared static; do
    if ! diff "$scratch/header" "$scratch/$library" >"$scratch/diff"; then
        echo "names of the header (<) and of the $library library (>) differ:" >&2
        cat "$scratch/diff" >&2
        exit 1
    fi
done
echo "$(wc -l <"$scratch/header") names"
