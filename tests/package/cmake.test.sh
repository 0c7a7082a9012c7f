#!/usr/bin/env bash
# Projects of C, and of C++, against the installation, found by CMake, with the shared and with the static library; and what is said
# to those who cannot have what they ask for.
set -euo pipefail
# shellcheck source=tests/package/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

scratch
find_libdir
cd "$scratch"
mkdir nothing
write_program program.c
cp program.c program.cpp

# project NAME LANGUAGE FIND KIND...: makes one in folder NAME, in which find_package(FIND) finds what gives a program of each kind
project() {
    local suffix=${2,,} kind
    mkdir "$1"
    {
        echo "cmake_minimum_required(VERSION 3.22)"
        echo "project($1 LANGUAGES $2)"
        echo "find_package($3)"
        for kind in "${@:4}"; do
            echo "add_executable($kind ../program.${suffix/cxx/cpp})"
            echo "target_link_libraries($kind PRIVATE seckill::$kind)"
        done
    } >"$1/CMakeLists.txt"
}

# configure NAME
configure() {
    cmake -S "$1" -B "$1/build" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$SECKILL_CC" -Werror=dev --no-warn-unused-cli
}

# build NAME: and runs its programs
build() {
    cmake --build "$1/build" -j 2
    local kind found
    while read -r kind; do
        "$1/build/$kind" || problem "$1: $kind fails"
        found=seckill_static
        [[ $(ldd "$1/build/$kind") != *libseckill.so* ]] || found=seckill
        [[ $found == "$kind" ]] || problem "$1: seckill::$kind is $found"
    done < <(sed -n 's/^add_executable(\([a-z_]*\) .*/\1/p' "$1/CMakeLists.txt")
}

project only-c C "seckill 0.1 REQUIRED COMPONENTS shared static" seckill seckill_static
project only-cpp CXX "seckill 0.1 REQUIRED" seckill seckill_static
for name in only-c only-cpp; do
    configure "$name"
    build "$name"
done

# Who links the shared library needs nothing of what it is made from; and is told why there is no other.
project shared C "seckill REQUIRED" seckill
PKG_CONFIG_LIBDIR=$scratch/nothing configure shared | tee output
grep -q '^-- There is no seckill::seckill_static, .*: hiredis>=' output || problem "nothing says why there is no seckill::seckill_static"
build shared

# ---- what is not there

# refused NAME FIND WORDS: CMake fails, and says so
refused() {
    project "$1" NONE "$2"
    if configure "$1" >output 2>&1; then
        problem "find_package($2) found it"
    fi
    tr -s ' \n' ' ' <output | grep -qE "$3" || problem "find_package($2) does not say '$3': $(cat output)"
}

PKG_CONFIG_LIBDIR=$scratch/nothing refused without "seckill REQUIRED COMPONENTS static" 'needs, by pkg-config: hiredis>=0.14 libuv>='
refused newer "seckill 0.9 REQUIRED" 'compatible with requested version "0.9".*version: [0-9.]+'
refused older "seckill 0.0.9 REQUIRED" 'compatible with requested version "0.0.9"'
refused unknown "seckill REQUIRED COMPONENTS lua" 'has no component: lua'
finish
