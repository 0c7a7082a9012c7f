# Sourced by the tests that need the release before this one. It is built from the project's history, once for each revision:
# tests/package/previous_release has its commit, and a name for people.
# shellcheck shell=bash

: "${SECKILL_SOURCE_DIR:?}" "${SECKILL_BUILD_DIR:?}" "${SECKILL_CC:?}"
read -r revision release <"$SECKILL_SOURCE_DIR/tests/package/previous_release"
previous=$SECKILL_BUILD_DIR/previous/$revision # its build; its sources are in source/

# skip REASON
skip() {
    echo "skipped: $1"
    exit 77
}

# quietly COMMAND...: shows what it printed where it fails, and ends the test
quietly() {
    if ! "$@" >"$previous/log" 2>&1; then
        tail -n 50 "$previous/log" >&2
        echo "FAILED: $*" >&2
        exit 1
    fi
}

# unpack_previous: its sources, and a build that can begin
unpack_previous() {
    local generator=()
    command -v git >/dev/null || skip "there is no git"
    git -C "$SECKILL_SOURCE_DIR" cat-file -e "$revision^{commit}" 2>/dev/null ||
        skip "the release before, $revision, is not here (no history, or a shallow one)"
    rm -rf "$previous"
    mkdir -p "$previous/source"
    git -C "$SECKILL_SOURCE_DIR" archive "$revision" | tar -x -C "$previous/source"
    ! command -v ninja >/dev/null || generator=(-G Ninja)
    # abidiff reads the debug information.
    quietly cmake -S "$previous/source" -B "$previous" "${generator[@]}" -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_FLAGS=-g \
        -DCMAKE_C_COMPILER="$SECKILL_CC" -DSECKILL_BUILD_TESTS=OFF -DSECKILL_BUILD_BENCH=OFF -DSECKILL_BUILD_EXAMPLES=ON
    touch "$previous/unpacked"
}

# build_previous TARGET...
build_previous() {
    echo "The release before: $release, $revision."
    [[ -e $previous/unpacked ]] || unpack_previous
    quietly cmake --build "$previous" -j 2 --target "$@"
}
