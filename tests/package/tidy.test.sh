#!/usr/bin/env bash
# clang-tidy over the library and the examples. A file that passed is not looked at again until it, a header or the rules change.
# Releases of clang-tidy find different things, so only the one that the tree uses is asked. Its analyzer follows paths through each
# function up to a bound; that of clang, which costs some four times as much, only where SECKILL_TESTS_FULL=1.
set -euo pipefail
# shellcheck source=tests/package/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

tidy=""
for name in clang-tidy-14 clang-tidy; do
    if [[ -z $tidy ]] && command -v "$name" >/dev/null && [[ $("$name" --version) == *"version 14."* ]]; then
        tidy=$name
    fi
done
[[ -n $tidy ]] || skip "there is no clang-tidy 14"
export tidy
[[ -e $SECKILL_BUILD_DIR/compile_commands.json ]] || skip "there is no compile_commands.json"
cd "$SECKILL_SOURCE_DIR"

export passed_dir=$SECKILL_BUILD_DIR/tidy
mkdir -p "$passed_dir"
# Tests compile some of these files once more: once is enough, and the second time clang-tidy 14 sees what is not there.
command -v jq >/dev/null || skip "there is no jq"
jq 'unique_by(.file)' "$SECKILL_BUILD_DIR/compile_commands.json" >"$passed_dir/compile_commands.json"
depth=""
if [[ -z ${SECKILL_TESTS_FULL:-} ]]; then
    depth="--extra-arg=-Xclang --extra-arg=-analyzer-config --extra-arg=-Xclang --extra-arg=max-nodes=40000"
fi
export depth
common=$({ "$tidy" --version; echo "$depth"; cat .clang-tidy; find include lib examples -name '*.h' -type f -print0 | sort -z | xargs -0 cat; } | sha256sum)
export common

# look_at FILE
# shellcheck disable=SC2317 # called by xargs
look_at() {
    local sum
    sum=$({ echo "$common"; cat "$1"; } | sha256sum)
    local mark=$passed_dir/${1//\//.}.${sum:0:16}
    if [[ -e $mark ]]; then
        return
    fi
    local bound
    read -ra bound <<<"$depth"
    "$tidy" --quiet -p "$passed_dir" ${bound[@]+"${bound[@]}"} "$1" 2> >(grep -vE '^[0-9]+ warnings? (generated|treated)' >&2) || return 1
    rm -f "$passed_dir/${1//\//.}".*
    : >"$mark"
}
export -f look_at

# shellcheck disable=SC2016 # the inner shell expands it
find lib examples -name build -prune -o -name '*.c' -type f -print | while read -r file; do
    if grep -qF "\"$SECKILL_SOURCE_DIR/$file\"" "$SECKILL_BUILD_DIR/compile_commands.json"; then
        printf '%s\0' "$file"
    fi
done | xargs -0 -r -P "$(nproc)" -I '{}' bash -c 'look_at "$1"' look_at '{}' || problem "clang-tidy found something"
finish
