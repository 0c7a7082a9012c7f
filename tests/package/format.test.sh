#!/usr/bin/env bash
# Every C file is formatted. Releases of clang-format differ in small things, so only the one that the tree uses is asked.
set -euo pipefail
# shellcheck source=tests/package/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

formatter=""
for name in clang-format-14 clang-format; do
    if [[ -z $formatter ]] && command -v "$name" >/dev/null && [[ $("$name" --version) == *"version 14."* ]]; then
        formatter=$name
    fi
done
[[ -n $formatter ]] || skip "there is no clang-format 14"

cd "$SECKILL_SOURCE_DIR"
folders=()
for folder in include lib examples bench tests; do
    [[ -d $folder ]] && folders+=("$folder")
done
find "${folders[@]}" -name build -prune -o -name '*.[ch]' -type f -print0 |
    xargs -0 -r -P 2 -n 16 "$formatter" --dry-run -Werror || problem "to mend it: clang-format -i FILE"
finish
