#!/usr/bin/env bash
# What may include what in lib/: calls go down only, and only lib/io knows libuv and hiredis.
set -euo pipefail
# shellcheck source=tests/package/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

cd "$SECKILL_SOURCE_DIR/lib"

declare -A below=(
    [base]=""
    [shard]="base"
    [token]="base"
    [script]="shard base"
    [engine]="shard token script base"
    [io]="engine base"
    [client]="engine io token shard script base"
)

shopt -s nullglob
for layer in */; do
    layer=${layer%/}
    files=("$layer"/*.c "$layer"/*.h)
    if [[ ! -v "below[$layer]" ]]; then
        problem "lib/$layer: no such layer; add it to lib/README.md and to this test"
        continue
    fi
    for file in "${files[@]}"; do
        while read -r included; do
            case $included in
            seckill/*) ;;
            *..*) problem "lib/$file: includes \"$included\": include from lib/ down" ;;
            */*)
                other=${included%%/*}
                if [[ $other != "$layer" && " ${below[$layer]} " != *" $other "* ]]; then
                    problem "lib/$file: includes \"$included\": $layer must not call $other"
                fi
                ;;
            esac
        done < <(sed -nE 's/^[ \t]*#[ \t]*include[ \t]+"([^"]+)".*/\1/p' "$file")

        while read -r included; do
            case $included in
            uv.h | uv/* | hiredis/* | hiredis.h | openssl/*)
                [[ $layer == io ]] || problem "lib/$file: includes <$included>: only lib/io may"
                ;;
            time.h | sys/time.h | sys/socket.h | netdb.h)
                # The layers that decide have neither a clock nor a socket: a simulator drives them.
                [[ $layer == io || $layer == client ]] || problem "lib/$file: includes <$included>: only lib/io and lib/client may"
                ;;
            esac
        done < <(sed -nE 's/^[ \t]*#[ \t]*include[ \t]+<([^>]+)>.*/\1/p' "$file")
    done
done

while read -r line; do
    problem "include/seckill: no type of a dependency in a public header: $line"
done < <(grep -nE '#[ \t]*include[ \t]*<(uv|hiredis|sodium|jansson)' "$SECKILL_SOURCE_DIR"/include/seckill/*.h || true)

finish
