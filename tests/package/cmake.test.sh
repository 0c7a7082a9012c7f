#!/usr/bin/env bash
# A C and a C++ program against the installation, found by CMake, with the shared and with the static library.
set -euo pipefail
# shellcheck source=tests/package/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

scratch
find_libdir
cd "$scratch"
write_program program.c
cp program.c program.cpp
cat >CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.22)
project(consumer LANGUAGES C CXX)
set(CMAKE_C_STANDARD 11)
set(CMAKE_CXX_STANDARD 17)
find_package(seckill 0.1 REQUIRED COMPONENTS shared static)
foreach(kind IN ITEMS seckill seckill_static)
    foreach(language IN ITEMS c cpp)
        add_executable(${kind}-${language} program.${language})
        target_link_libraries(${kind}-${language} PRIVATE seckill::${kind})
    endforeach()
endforeach()
END
cmake -S . -B build -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$SECKILL_CC"
cmake --build build -j 2
for program in seckill-c seckill-cpp seckill_static-c seckill_static-cpp; do
    build/$program || problem "$program fails"
done
[[ $(ldd build/seckill-c) == *libseckill.so* ]] || problem "seckill::seckill is not the shared library"
[[ $(ldd build/seckill_static-c) != *libseckill.so* ]] || problem "seckill::seckill_static is not the static library"

# Who links the shared library needs nothing of what it is made from.
mkdir shared nothing
sed -e 's/ COMPONENTS shared static//' -e 's/ seckill_static)/)/' CMakeLists.txt >shared/CMakeLists.txt
cp program.c program.cpp shared/
PKG_CONFIG_LIBDIR=$scratch/nothing cmake -S shared -B shared/build -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$SECKILL_CC"
cmake --build shared/build -j 2
shared/build/seckill-c || problem "seckill-c fails where no dependency is found"

# And who asks for the static one is told what is missing.
if PKG_CONFIG_LIBDIR=$scratch/nothing cmake -S . -B without -DCMAKE_PREFIX_PATH="$prefix" >output 2>&1; then
    problem "the static library was found without its dependencies"
fi
grep -q 'hiredis' output || problem "the message does not say what is missing: $(cat output)"
finish
