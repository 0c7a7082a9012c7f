#!/usr/bin/env bash
# Each example builds alone against the installation. One with the line `# in the tree only` in its CMakeLists.txt does not have to.
set -euo pipefail
# shellcheck source=tests/package/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

scratch
# A copy, so that nothing beside the examples in the tree can be found by accident.
cp -r "$SECKILL_SOURCE_DIR/examples" "$scratch/examples"
shopt -s nullglob
count=0
for file in "$scratch"/examples/*/CMakeLists.txt; do
    name=$(basename "$(dirname "$file")")
    if grep -q '^# in the tree only' "$file"; then
        continue
    fi
    count=$((count + 1))
    if ! { cmake -S "$scratch/examples/$name" -B "$scratch/$name-build" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$SECKILL_CC" &&
        cmake --build "$scratch/$name-build" -j 2; } >"$scratch/output" 2>&1; then
        cat "$scratch/output"
        problem "examples/$name does not build against the installation"
    fi
done
((count > 0)) || skip "there is no example yet"
finish
