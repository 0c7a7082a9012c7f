#!/usr/bin/env bash
# Each public header compiles alone, as C11 and as C++17.
set -euo pipefail
# shellcheck source=tests/package/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

cd "$SECKILL_SOURCE_DIR/include"

compile() {
    local compiler=$1 language=$2 standard=$3 header=$4
    if command -v "$compiler" >/dev/null; then
        echo "#include <$header>" | "$compiler" -x "$language" -std="$standard" -pedantic -Wall -Wextra -Werror -fsyntax-only -I. - ||
            problem "$header does not compile alone with $compiler as $standard"
    fi
}

for header in seckill/*.h; do
    for compiler in gcc clang; do
        compile "$compiler" c c11 "$header"
    done
    for compiler in g++ clang++; do
        compile "$compiler" c++ c++17 "$header"
    done
done
finish
