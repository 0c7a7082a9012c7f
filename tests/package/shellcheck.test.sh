#!/usr/bin/env bash
# Every shell script passes shellcheck.
set -euo pipefail
# shellcheck source=tests/package/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

command -v shellcheck >/dev/null || skip "there is no shellcheck"

cd "$SECKILL_SOURCE_DIR"
scripts=()
for folder in .ci lib examples bench tests; do
    [[ -d $folder ]] || continue
    while IFS= read -r -d '' file; do
        first=""
        read -r first <"$file" || true
        if [[ $file == *.sh || $first == "#!"*sh ]]; then
            scripts+=("$file")
        fi
    done < <(find "$folder" -name build -prune -o -type f \( -name '*.sh' -o -perm /111 \) -print0)
done
((${#scripts[@]} > 0)) || problem "there is no shell script"
shellcheck -x "${scripts[@]}" || problem "shellcheck found something"
finish
