#!/usr/bin/env bash
# Each public header compiles alone, as C11 and as C++17 and 20, for the shared and for the static library, with every warning that
# means something there; and so does a program that uses all macros for options.
set -euo pipefail
# shellcheck source=tests/package/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

scratch
include=$SECKILL_SOURCE_DIR/include
for header in "$include"/seckill/*.h; do
    name=$(basename "$header" .h)
    echo "#include <seckill/$name.h>" | tee "$scratch/$name.c" >"$scratch/$name.cpp"
done
macros=$(sed -nE 's/^#define SECKILL_([A-Z_]+)_INIT( .*)?$/\1/p' "$include"/seckill/*.h)
(($(wc -w <<<"$macros") >= 15)) || problem "the macros for options are not found: $macros"
{
    echo '#include <seckill/seckill.h>'
    echo 'int main(void) {'
    for macro in $macros; do
        echo "    { seckill_${macro,,} options = SECKILL_${macro}_INIT; (void)options; }"
    done
    echo '    return 0;'
    echo '}'
} | tee "$scratch/macros.c" >"$scratch/macros.cpp"

all="-pedantic -Wall -Wextra -Werror -Wconversion -Wsign-conversion -Wshadow -Wundef -Wcast-qual -Wcast-align -Wwrite-strings
    -Wmissing-field-initializers -Wmissing-declarations -Wredundant-decls -Wformat=2"
only_c="-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wc++-compat"
only_cpp="-Wold-style-cast -Wzero-as-null-pointer-constant -Wuseless-cast"
# That there is room between fields, and that older standards lack what this one has, is no fault; the comments are for Doxygen.
every="-Weverything -Wno-padded -Wno-documentation -Wno-c++98-compat -Wno-c++98-compat-pedantic -Wno-pre-c2x-compat -Wno-unknown-warning-option"

# compile COMPILER STANDARD SUFFIX FLAGS
compile() {
    local flags
    read -ra flags <<<"${4//$'\n'/ }"
    ! command -v "$1" >/dev/null || "$1" -std="$2" "${flags[@]}" -fsyntax-only -I"$include" "$scratch"/*."$3" ||
        problem "a header, or the macros, do not compile with $1 as $2"
}

compile gcc c11 c "$all $only_c"
compile gcc c11 c "$all $only_c -DSECKILL_STATIC"
compile clang c11 c "$all $every"
compile g++ c++17 cpp "$all $only_cpp"
compile g++ c++20 cpp "$all $only_cpp -DSECKILL_STATIC"
compile clang++ c++17 cpp "$all $every -DSECKILL_STATIC"
compile clang++ c++20 cpp "$all $every"
finish
