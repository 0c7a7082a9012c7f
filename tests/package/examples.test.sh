#!/usr/bin/env bash
# Each example builds alone against the installation. One with the line `# in the tree only` in its CMakeLists.txt does not have to.
set -euo pipefail
# shellcheck source=tests/package/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# A copy, so that nothing beside the examples in the tree can be found by accident; always in the same folder, for ccache.
alone=$SECKILL_BUILD_DIR/alone
rm -rf "$alone"
mkdir "$alone"
cp -r "$SECKILL_SOURCE_DIR/examples" "$alone/examples"
! command -v ccache >/dev/null || export CMAKE_C_COMPILER_LAUNCHER=ccache
shopt -s nullglob
count=0
for file in "$alone"/examples/*/CMakeLists.txt; do
    name=$(basename "$(dirname "$file")")
    if grep -q '^# in the tree only' "$file"; then
        continue
    fi
    count=$((count + 1))
    # Neither optimized nor for a debugger: that is compiled fastest.
    if ! { cmake -S "$alone/examples/$name" -B "$alone/$name" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$SECKILL_CC" \
        -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG="" && cmake --build "$alone/$name" -j 2; } >"$alone/output" 2>&1; then
        cat "$alone/output"
        problem "examples/$name does not build against the installation"
    fi
done
((count > 0)) || skip "there is no example yet"
finish
