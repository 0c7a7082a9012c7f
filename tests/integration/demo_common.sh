# Sourced by the tests of the demo and of the shoppers.
# shellcheck shell=bash disable=SC2034

: "${SECKILL_SOURCE_DIR:?}" "${SECKILL_BUILD_DIR:?}"
demo=$SECKILL_SOURCE_DIR/examples/demo
ctl=$SECKILL_BUILD_DIR/examples/ctl/seckill-ctl
front=$SECKILL_BUILD_DIR/examples/front/seckill-front
worker=$SECKILL_BUILD_DIR/examples/worker/seckill-worker
shoppers=$SECKILL_BUILD_DIR/bench/shoppers/seckill-shoppers

for program in "$ctl" "$front" "$worker" "$shoppers"; do
    if [[ ! -x $program ]]; then
        echo "skipped: there is no $program"
        exit 77
    fi
done
if ! redis=$(command -v valkey-server || command -v redis-server); then
    echo "skipped: there is no redis-server"
    exit 77
fi

pids=()
scratch=$(mktemp -d)
# Demos put their folders here, so that what they leave behind is seen.
export TMPDIR=$scratch/tmp
mkdir "$TMPDIR"
unset SECKILL_REDIS SECKILL_PREFIX SECKILL_KEYS

# shellcheck disable=SC2317 # called by a trap
clean_up() {
    local pid i
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    # A demo ends what it has started, if it is given the time.
    for pid in "${pids[@]}"; do
        for ((i = 0; i < 100; i++)); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.05
        done
        kill -KILL "$pid" 2>/dev/null || true
    done
    rm -rf "$scratch"
}
trap clean_up EXIT

# fail TEXT: ends the test; shows what the last command printed
fail() {
    echo "FAILED: $1" >&2
    [[ ! -e $scratch/output ]] || cat "$scratch/output" >&2
    exit 1
}

# expect CODE COMMAND...: its output goes to $scratch/output
expect() {
    local wanted=$1 code=0
    shift
    "$@" >"$scratch/output" 2>&1 || code=$?
    [[ $code == "$wanted" ]] || fail "exit code $code, wanted $wanted: $*"
}

# says TEXT: the last output has it
says() {
    grep -qF -- "$1" "$scratch/output" || fail "it does not say: $1"
}

# nothing_left: no folder and no process of a demo
nothing_left() {
    [[ -z $(ls -A "$TMPDIR") ]] || fail "it left a folder behind: $(ls "$TMPDIR")"
    local file words
    for file in /proc/[0-9]*/cmdline; do
        words=""
        { words=$(tr '\0' ' ' <"$file"); } 2>/dev/null || true
        [[ $words != *"$TMPDIR"* ]] || fail "it left a process behind: $words"
    done
}
