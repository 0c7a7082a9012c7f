#!/usr/bin/env bash
# Everything builds without a warning with the compiler that the main build did not use: gcc and clang both.
set -euo pipefail
# shellcheck source=tests/package/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

if [[ $("$SECKILL_CC" --version) == *clang* ]]; then
    other=gcc
else
    other=clang
fi
command -v "$other" >/dev/null || skip "there is no $other"

build=$SECKILL_BUILD_DIR/other-compiler
cmake -S "$SECKILL_SOURCE_DIR" -B "$build" -DCMAKE_C_COMPILER="$other" -DCMAKE_BUILD_TYPE=Debug -DSECKILL_WERROR=ON
cmake --build "$build" -j 2
finish
