# Sourced by the tests of this folder.
# shellcheck shell=bash

: "${SECKILL_SOURCE_DIR:?}" "${SECKILL_BUILD_DIR:?}" "${SECKILL_CC:?}"
prefix=$SECKILL_BUILD_DIR/installed

problems=0
# problem TEXT: says what is wrong; the test goes on and fails at its end
problem() {
    echo "$*" >&2
    problems=$((problems + 1))
}

# finish: the end of a test
finish() {
    if ((problems > 0)); then
        echo "$problems problem(s)" >&2
        exit 1
    fi
    exit 0
}

# skip REASON
skip() {
    echo "skipped: $1"
    exit 77
}

# scratch: makes a folder that goes away with the test, and names it $scratch
scratch() {
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
}

libdir=""
# find_libdir: names the installation's folder of libraries $libdir
find_libdir() {
    libdir=$(dirname "$(find "$prefix" -name libseckill.a)")
}

# so_number VERSION|REVISION [TREE]: of the binary interface, as that tree says
so_number() {
    sed -n "s/^set(SECKILL_SO$1 \([0-9]*\))$/\1/p" "${2:-$SECKILL_SOURCE_DIR}/lib/CMakeLists.txt"
}

# first_block LANGUAGE FILE: the first block of that language in a page
first_block() {
    awk -v begin="\`\`\`$1" '/^```/ { if (inside) exit; if ($0 == begin) { inside = 1; next } } inside' "$2"
}

# declared_functions FOLDER: the functions that the headers there declare with SECKILL_API, one a line
declared_functions() {
    local header
    for header in "$1"/*.h; do
        "$SECKILL_CC" -w -fpreprocessed -dD -E -P "$header"
    done | grep -v '^ *#' | tr '\n' ' ' | tr ';{}' '\n' | grep -w SECKILL_API |
        sed -E 's/^[^(]*[^a-z0-9_](seckill_[a-z0-9_]+) *\(.*/\1/' | grep -xE 'seckill_[a-z0-9_]+' | sort -u
}

# exported_symbols: what the shared library offers, one a line
exported_symbols() {
    nm -D --defined-only "$libdir/libseckill.so" | awk '{ print $NF }' | sed 's/@.*//' | sort -u
}

# write_program FILE: a program, C and C++ alike, that links every function of the interface
write_program() {
    local name
    {
        echo '#include <seckill/seckill.h>'
        echo '#include <stdio.h>'
        echo '#include <string.h>'
        echo 'typedef void (*any_function)(void);'
        echo 'static const any_function all[] = {'
        comm -12 <(declared_functions "$prefix/include/seckill") <(exported_symbols) | while read -r name; do
            echo "    (any_function)$name,"
        done
        echo '};'
        cat <<'END'
int main(void) {
    size_t i;
    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i] == NULL) {
            return 1;
        }
    }
    printf("%s %s\n", SECKILL_VERSION_STRING, seckill_status_name(SECKILL_SOLD_OUT));
    return strcmp(seckill_status_name(SECKILL_SOLD_OUT), "sold_out") == 0 ? 0 : 1;
}
END
    } >"$1"
}
