#!/usr/bin/env bash
# A C and a C++ program against the installation, found by pkg-config, with the shared and with the static library.
set -euo pipefail
# shellcheck source=tests/package/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

scratch
find_libdir
cd "$scratch"
write_program program.c
cp program.c program.cpp

check() {
    local kind=$1 compiler=$2 standard=$3 source=$4
    shift 4
    local flags
    read -ra flags <<<"$(pkg-config "$@" --cflags --libs libseckill)"
    "$compiler" -std="$standard" -Wall -Wextra -Werror "$source" "${flags[@]}" -o program || {
        problem "$source does not link with the $kind library: ${flags[*]}"
        return
    }
    LD_LIBRARY_PATH=$libdir ./program || problem "$source fails with the $kind library"
    local found=static
    if [[ $(LD_LIBRARY_PATH=$libdir ldd ./program) == *libseckill.so* ]]; then
        found=shared
    fi
    [[ $found == "$kind" ]] || problem "$source is linked with the $found library, not the $kind one"
}

export PKG_CONFIG_PATH=$libdir/pkgconfig
pkg-config --exists --print-errors libseckill
libs=$(pkg-config --libs libseckill)
if [[ $libs == *sodium* ]]; then
    problem "the shared library needs none of its dependencies on the command line: $libs"
fi
check shared "$SECKILL_CC" c11 program.c
check shared c++ c++17 program.cpp

# A copy with the static library only, so that the linker has no choice.
cp -r "$prefix" static
rm -f "static${libdir#"$prefix"}"/libseckill.so*
export PKG_CONFIG_PATH=$scratch/static${libdir#"$prefix"}/pkgconfig
check static "$SECKILL_CC" c11 program.c --static
check static c++ c++17 program.cpp --static
finish
