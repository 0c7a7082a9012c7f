#!/usr/bin/env bash
# The guide, as its reader goes through it: every block of examples/guide is done, page after page, in one shell and one folder.
#
#   ```c FILE, ```lua FILE   is written to FILE; each program must be compiled by a later block
#   ```sh                    is run; every command must succeed
#   ```console               each `$ command` must print what stands below it, `...` being anything
#   ```text                  is only to be read
set -euo pipefail
# shellcheck source=tests/package/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

command -v redis-server valkey-server >/dev/null || skip "there is no Redis"
command -v sqlite3 >/dev/null || skip "there is no sqlite3"
find_libdir
[[ -x $prefix/bin/seckill-ctl ]] || skip "the programs are not installed"
guide=$SECKILL_SOURCE_DIR/examples/guide
unset SECKILL_REDIS SECKILL_PREFIX SECKILL_KEYS SECKILL_REDIS_PASSWORD
export PATH=$prefix/bin:$PATH LD_LIBRARY_PATH=$libdir PKG_CONFIG_PATH=$libdir/pkgconfig

# ---- what a reader's machine has

cc() {
    "$SECKILL_CC" -std=c11 -Wall -Wextra -Werror "$@"
}
# use_valkey: where only that is installed it goes by the names that the guide uses
use_valkey() {
    local name
    mkdir "$scratch/bin"
    for name in server cli; do
        ln -s "$(command -v "valkey-$name")" "$scratch/bin/redis-$name"
    done
    PATH=$scratch/bin:$PATH
}

# ---- one block after the other

# shellcheck disable=SC2317 # called by a trap
clean_up() {
    local code=$? pid
    ((code == 0)) || echo "in $block: $(cat "$scratch/output" 2>/dev/null)" >&2
    if [[ -e $scratch/work/redis.pid ]]; then
        pid=$(<"$scratch/work/redis.pid")
        kill -CONT "$pid" && kill "$pid"
        # Its folder goes away: it must have ended before.
        while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
    fi
    rm -rf "$scratch"
}
block="no block" scratch=$(mktemp -d)
trap clean_up EXIT
mkdir "$scratch/work" "$scratch/blocks"
command -v redis-server >/dev/null || use_valkey

# read_page FILE: into files NUMBER.PAGE:LINE, their first line the words behind ```
blocks=0
read_page() {
    awk -v folder="$scratch/blocks" -v page="$(basename "$1")" -v count="$blocks" '
        /^```/ {
            if (inside) { close(file); inside = 0; next }
            inside = 1
            file = sprintf("%s/%03d.%s:%d", folder, ++count, page, NR)
            $0 = substr($0, 4)
        }
        inside { print > file }' "$1"
    blocks=$(find "$scratch/blocks" -type f | wc -l)
}

# compare COMMAND WANTED OUTPUT
compare() {
    local pattern
    pattern=$(sed 's/[][*?\\]/\\&/g; s/\.\.\./*/g' <<<"$2")
    # shellcheck disable=SC2053 # it is a pattern
    [[ $3 == $pattern ]] || problem "$block: \`$1\` should print
$2
and prints
$3"
}

# run_console FILE: each command in this shell, so that what it sets stays
run_console() {
    local line command="" wanted=""
    while IFS= read -r line; do
        if [[ $line == '$ '* ]]; then
            run_command "$command" "$wanted"
            command=${line#'$ '} wanted=""
        elif [[ $command == *\\ ]]; then
            command+=$'\n'$line
        else
            wanted+=${wanted:+$'\n'}$line
        fi
    done <"$1"
    run_command "$command" "$wanted"
}

# run_command COMMAND WANTED
run_command() {
    [[ -n $1 ]] || return 0
    eval "$1" >"$scratch/output" 2>&1 </dev/null || true
    compare "$1" "$2" "$(sed 's/[ \t]*$//' "$scratch/output")"
}

run_block() {
    local kind name
    read -r kind name <"$1" || true
    sed -i 1d "$1"
    case $kind:$name in
    c:?* | lua:?*) cp "$1" "$name" ;;
    sh:)
        echo "$(<"$1")" >"$scratch/output"
        eval "$(<"$1")" >>"$scratch/output" 2>&1 </dev/null
        ;;
    console:) run_console "$1" ;;
    text:) ;;
    *) problem "$block is \"$kind $name\": of no kind that this test runs" ;;
    esac
}

# compare_statuses: failures.md names each status once, in its class, with the code that the front answers
compare_statuses() {
    cat >"$scratch/statuses.c" <<'END'
#include "codes.h"
#include <stdio.h>

int main(void) {
    static const char *const classes[] = {"Final", "Retryable", "Unknown"};
#define LINE(name, number, status_class, text, message)                                                                        \
    printf("%s %s %d\n", classes[SECKILL_CLASS_##status_class], text, front_code_http(CODE_##name));
    SECKILL_STATUS_MAP(LINE)
    return 0;
}
END
    cc -I "$SECKILL_SOURCE_DIR/examples/front" -I "$prefix/include" "$scratch/statuses.c" \
        "$SECKILL_SOURCE_DIR/examples/front/codes.c" -o "$scratch/statuses"
    awk '/^## / { part = $2 } /^\| `[a-z_]+` \| [0-9]+ \|/ { gsub(/`/, ""); print part, $2, $4 }' "$guide/failures.md" |
        sort >"$scratch/named"
    "$scratch/statuses" | sort | diff "$scratch/named" - >&2 ||
        problem "failures.md (<) and what status.h and the front's codes.c have (>) are not the same"
}

compare_statuses
for page in README moving failures; do
    read_page "$guide/$page.md"
done
cd "$scratch/work"
for file in "$scratch"/blocks/*; do
    block=${file##*/} block=${block#*.}
    run_block "$file"
done
block="the end"
for file in *.c; do
    [[ -x ${file%.c} || -e ${file%.c}.o ]] || problem "$file is not compiled by any block"
done
finish
