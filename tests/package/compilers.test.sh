#!/usr/bin/env bash
# No file gives a warning with the compiler that the main build did not use, gcc or clang; and library and programs are built by it.
set -euo pipefail
# shellcheck source=tests/package/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

if [[ $("$SECKILL_CC" --version) == *clang* ]]; then
    other=gcc
else
    other=clang
fi
command -v "$other" >/dev/null || skip "there is no $other"
command -v jq >/dev/null || skip "there is no jq"

build=$SECKILL_BUILD_DIR/other-compiler
cmake -S "$SECKILL_SOURCE_DIR" -B "$build" -DCMAKE_C_COMPILER="$other" -DCMAKE_BUILD_TYPE=Debug -DSECKILL_WERROR=ON
cmake --build "$build" -j 2 --target seckill seckill-front seckill-worker seckill-ctl

# All others (tests, benchmarks, examples) are only read: that is what costs least, and shows every warning of a build without
# optimization. A file that several programs have is read once, as all are told the same warnings.
# look_at FOLDER COMMAND
# shellcheck disable=SC2317 # called by xargs
look_at() {
    cd "$1" && eval "$2 -fsyntax-only"
}
export -f look_at
jq -j 'unique_by(.file)[] | .directory, "\u0000", .command, "\u0000"' "$build/compile_commands.json" |
    xargs -0 -n 2 -P 2 bash -c 'look_at "$@"' look_at || problem "$other has something to say"
finish
