#!/usr/bin/env bash
# Memory: all that the library takes it takes through base/memory.c, by the client's allocator (keys lie in libsodium's), and
# every public call is one that the tests make without any: see tests/unit/test_memory.c, tests/integration/memory_calls.c.
set -euo pipefail
# shellcheck source=tests/package/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

scratch
# takers PATTERN: the objects of the library that call a function whose whole name matches
takers() {
    nm -A --undefined-only "$SECKILL_BUILD_DIR/lib/libseckill.a" | sed -nE "s/.*:([^:]+\.o): +U ($1)(@.*)?\$/\1/p" | sort -u | tr '\n' ' '
}

doors=$(takers '(m|c|re|aligned_)alloc|reallocarray|posix_memalign|free|strn?dup|v?asprintf|getline|getdelim|open_memstream')
[[ $doors == 'memory.c.o ' ]] || problem "objects other than memory.c.o have doors to memory of their own: $doors"
secrets=$(takers 'sodium_(malloc|allocarray|free)')
[[ $secrets == 'keyring.c.o ' ]] || problem "objects other than keyring.c.o take memory from libsodium: $secrets"

declared_functions "$SECKILL_SOURCE_DIR/include/seckill" >"$scratch/declared"
for program in unit/test-unit-memory integration/test-integration-memory_{calls,sync}; do
    "$SECKILL_BUILD_DIR/tests/$program" --calls
done | tr ' ' '\n' | sort -u >"$scratch/tried"
while read -r name; do
    problem "no test makes this call while memory runs out: $name"
done < <(comm -23 "$scratch/declared" "$scratch/tried")
while read -r name; do
    problem "no such call is declared: $name"
done < <(comm -13 "$scratch/declared" "$scratch/tried")
finish
