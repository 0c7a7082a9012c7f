#!/usr/bin/env bash
# The shared library exports what the public headers declare, and nothing else; the static one adds only names that begin with sk__.
set -euo pipefail
# shellcheck source=tests/package/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

scratch
find_libdir
declared_functions "$prefix/include/seckill" >"$scratch/declared"
exported_symbols >"$scratch/exported"
[[ -s $scratch/declared ]] || problem "the headers declare nothing with SECKILL_API"

while read -r name; do
    problem "declared but not exported: $name"
done < <(comm -23 "$scratch/declared" "$scratch/exported")
while read -r name; do
    case $name in
    seckill_*) problem "exported but in no public header: $name" ;;
    *) problem "exported without the prefix: $name" ;;
    esac
done < <(comm -13 "$scratch/declared" "$scratch/exported")

nm -g --defined-only "$libdir/libseckill.a" | awk 'NF == 3 { print $3 }' | sort -u >"$scratch/static"
[[ -s $scratch/static ]] || problem "the static library has no symbols"
while read -r name; do
    problem "in the static library, without a prefix of ours: $name"
done < <(grep -vE '^(seckill|sk_)_[a-z0-9_]+$' "$scratch/static" || true)
while read -r name; do
    problem "declared, but not in the static library: $name"
done < <(comm -23 "$scratch/declared" "$scratch/static")
finish
