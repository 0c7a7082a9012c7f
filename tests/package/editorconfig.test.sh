#!/usr/bin/env bash
# Every text file of the tree obeys .editorconfig: UTF-8, LF, a newline at the end, no blanks at the end of a line, no tabs, no line
# longer than its kind may be. Where there is no git (a tarball) the files are those of the folder.
set -euo pipefail
# shellcheck source=tests/package/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

export LC_ALL=C.UTF-8
scratch
cd "$SECKILL_SOURCE_DIR"
if [[ -e .git ]] && command -v git >/dev/null; then
    git ls-files --cached --others --exclude-standard
else
    find . -name build -prune -o -type f -printf '%P\n'
fi | grep -vE '^(tests/fuzz/corpus|bench/plots)/' | while IFS= read -r file; do
    [[ ! -s $file || -L $file ]] || echo "$file"
done >"$scratch/files"
(($(wc -l <"$scratch/files") > 500)) || problem "there are only $(wc -l <"$scratch/files") files"

# none PATTERN WHAT NAMES: no line of the files whose names match NAMES matches PATTERN
none() {
    local place
    while read -r place; do
        problem "$place: $2"
    done < <(grep -E "$3" "$scratch/files" | tr '\n' '\0' | xargs -0 -r grep -HnP -m 1 "$1" | cut -d: -f1,2)
}

none '\r' "a carriage return" .
none '[ \t]$' "blanks at the end of the line" .
none '\t' "a tab" .
none '^.{129}' "longer than 128" '\.[ch]$'
while IFS= read -r file; do
    iconv -f UTF-8 -t UTF-8 "$file" >/dev/null 2>&1 || problem "$file: not UTF-8"
    [[ -z $(tail -c 1 "$file") ]] || problem "$file: no newline at the end"
done <"$scratch/files"
# Prose, tables and data may have lines as long as they need.
sed -i -E '/\.(md|json|yml|svg|html|acl|service|env|cnf|conf)$/d' "$scratch/files"
none '^.{161}' "longer than 160" .
finish
