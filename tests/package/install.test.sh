#!/usr/bin/env bash
# Installs into one prefix, then moves it: the installation must work wherever it lies.
set -euo pipefail
# shellcheck source=tests/package/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

first=$SECKILL_BUILD_DIR/installed-first
rm -rf "$first" "$prefix"
cmake --install "$SECKILL_BUILD_DIR" --prefix "$first"
mv "$first" "$prefix"
find_libdir

for header in "$SECKILL_SOURCE_DIR"/include/seckill/*.h; do
    cmp "$header" "$prefix/include/seckill/$(basename "$header")" || problem "$(basename "$header") is not installed"
done
version=$(sed -nE 's/^#define SECKILL_VERSION_STRING "(.*)"/\1/p' "$SECKILL_SOURCE_DIR/include/seckill/base.h")
for file in libseckill.a libseckill.so "libseckill.so.${version%%.*}" "libseckill.so.$version" pkgconfig/libseckill.pc \
    cmake/seckill/seckill-config.cmake cmake/seckill/seckill-config-version.cmake; do
    [[ -e $libdir/$file ]] || problem "$file is not installed"
done
if grep -rlF -e "$first" -e "$SECKILL_SOURCE_DIR/" "$libdir/pkgconfig" "$libdir/cmake"; then
    problem "the files above name the place where they were built"
fi
finish
