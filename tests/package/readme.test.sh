#!/usr/bin/env bash
# The first C program in README.md compiles and links against the installation.
set -euo pipefail
# shellcheck source=tests/package/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

scratch
find_libdir
cd "$scratch"
readme=$SECKILL_SOURCE_DIR/README.md
[[ -e $readme ]] || skip "there is no README.md"
first_block c "$readme" >program.c
[[ -s program.c ]] || skip "there is no C program in README.md"

export PKG_CONFIG_PATH=$libdir/pkgconfig
read -ra flags <<<"$(pkg-config --cflags --libs libseckill)"
if grep -q 'uv_' program.c; then
    read -ra uv <<<"$(pkg-config --cflags --libs libuv)"
    flags+=("${uv[@]}")
fi
"$SECKILL_CC" -std=c11 -Wall -Wextra -Werror program.c "${flags[@]}" -o program || problem "README.md's program does not compile"
finish
