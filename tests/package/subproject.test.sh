#!/usr/bin/env bash
# The library inside other projects: add_subdirectory in one of C, FetchContent from a git repository in one of C++. Both have
# warnings as errors. Of ours nothing but the library is built, nothing of theirs is changed, nothing is installed unasked.
set -euo pipefail
# shellcheck source=tests/package/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

command -v git >/dev/null || skip "there is no git"
find_libdir
# Always the same folder, and the same places below each project: what ccache has of one is good for the other and for the next run.
root=$SECKILL_BUILD_DIR/subproject
rm -rf "$root"
mkdir -p "$root"/{c,cpp}
cd "$root"
if command -v ccache >/dev/null; then
    export CMAKE_C_COMPILER_LAUNCHER=ccache CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1
fi
write_program c/program.c
cp c/program.c cpp/program.cpp

# What they take in. Whoever builds more of it than the library fails.
mkdir c/libseckill
cp -r "$SECKILL_SOURCE_DIR"/{CMakeLists.txt,LICENSE,include,lib,pkgconfig} c/libseckill
for folder in examples tests bench; do
    mkdir "c/libseckill/$folder"
    echo "message(FATAL_ERROR \"$folder are built too\")" >"c/libseckill/$folder/CMakeLists.txt"
done
cp -r c/libseckill origin
git -C origin init -q
git -C origin add -A
git -C origin -c user.name=test -c user.email=test@localhost -c commit.gpgsign=false -c core.hooksPath=/dev/null commit -q -m "All of it"
commit=$(git -C origin rev-parse HEAD)

# write_project FOLDER LANGUAGE SUFFIX: what takes the library in is read from standard input
write_project() {
    cat - >"$1/take.cmake"
    cat >"$1/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.22)
project(shop LANGUAGES $2)
# settings FILE: all variables of this folder, and what is built with
function(settings file)
    get_directory_property(names VARIABLES)
    list(FILTER names EXCLUDE REGEX "^(ARG|CMAKE_CURRENT_(FUNCTION|LIST)|CMAKE_MATCH|file\$|names\$)")
    foreach(name IN LISTS names)
        string(REPLACE "\n" " " value "\${\${name}}")
        string(APPEND text "\${name}=\${value}\n")
    endforeach()
    foreach(property IN ITEMS COMPILE_OPTIONS COMPILE_DEFINITIONS INCLUDE_DIRECTORIES LINK_OPTIONS TESTS)
        get_directory_property(value \${property})
        string(APPEND text "property \${property}=\${value}\n")
    endforeach()
    file(WRITE "\${CMAKE_BINARY_DIR}/\${file}" "\${text}")
endfunction()
settings(before)
include(take.cmake)
settings(after)
foreach(kind IN ITEMS seckill seckill_static)
    add_executable(with-\${kind} program.$3)
    target_link_libraries(with-\${kind} PRIVATE seckill::\${kind})
endforeach()
install(TARGETS with-seckill_static DESTINATION bin)
END
}

export CI=true # theirs, which is no reason to be strict with ours

# build FOLDER NAMES: and runs, and installs below FOLDER/installed. Of CMake's own variables no others than NAMES are new.
build() {
    CC=$SECKILL_CC cmake -S "$1" -B "$1/build" -DCMAKE_C_FLAGS="-Wall -Wextra -Werror" -DCMAKE_CXX_FLAGS="-Wall -Wextra -Werror" \
        -DCMAKE_INSTALL_PREFIX="$root/$1/installed"
    grep -qx 'SECKILL_WERROR:BOOL=OFF' "$1/build/CMakeCache.txt" || problem "$1: our own warnings are errors there"
    cmake --build "$1/build" -j 2
    "$1/build/with-seckill" || problem "$1: the program with the shared library fails"
    "$1/build/with-seckill_static" || problem "$1: the program with the static library fails"
    diff <(sort "$1/build/before") <(sort "$1/build/after") | grep -E '^<|^> (CMAKE_|BUILD_|property )' | grep -vE "^> CMAKE_($2)" \
        >"$1/changed" || true
    [[ ! -s $1/changed ]] || problem "$1: the project around it is changed: $(cat "$1/changed")"
    cmake --install "$1/build" >/dev/null
}

write_project c C c <<'END'
add_subdirectory(libseckill)
END
build c PROJECT_VERSION
[[ $(find c/installed -type f) == c/installed/bin/with-seckill_static ]] || problem "c: it installs: $(find c/installed -type f)"

write_project cpp CXX cpp <<END
include(FetchContent)
FetchContent_Declare(seckill GIT_REPOSITORY "file://$root/origin" GIT_TAG $commit SOURCE_DIR "\${CMAKE_SOURCE_DIR}/libseckill"
                     BINARY_DIR "\${CMAKE_BINARY_DIR}/libseckill")
set(SECKILL_INSTALL ON)
FetchContent_MakeAvailable(seckill)
END
build cpp 'PROJECT_VERSION|C_|INSTALL_[A-Z]*DIR='
[[ $(find cpp/installed -name libseckill.pc) && -e cpp/installed/include/seckill/seckill.h ]] ||
    problem "cpp: SECKILL_INSTALL installs: $(find cpp/installed -type f)"
finish
