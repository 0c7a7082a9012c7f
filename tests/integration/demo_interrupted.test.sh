#!/usr/bin/env bash
# Ctrl-C at any time ends the demo and everything it started; what it is told wrongly it says.
set -euo pipefail
# shellcheck source=tests/integration/demo_common.sh
source "$(dirname "${BASH_SOURCE[0]}")/demo_common.sh"

# start OPTIONS...: a demo in the background that hears SIGINT, which shells keep from their background processes
start() {
    : >"$scratch/output"
    env --default-signal=INT "$demo" --programs "$SECKILL_BUILD_DIR" "$@" >"$scratch/output" 2>&1 &
    pid=$!
    pids+=("$pid")
}

# wait_for TEXT
wait_for() {
    local i
    for ((i = 0; i < 600; i++)); do
        if grep -qF -- "$1" "$scratch/output"; then
            return
        fi
        kill -0 "$pid" 2>/dev/null || fail "it ended before it said: $1"
        sleep 0.05
    done
    fail "it does not say in time: $1"
}

# ends CODE
ends() {
    local code=0
    wait "$pid" || code=$?
    [[ $code == "$1" ]] || fail "exit code $code, wanted $1"
    nothing_left
}

echo "While shoppers come."
start --shoppers 200000 --units 1000
wait_for "shoppers come"
kill -INT "$pid"
ends 130

echo "While it waits for what is not paid."
start --shoppers 500 --units 100 --hold 20s
wait_for "Waiting until"
kill -TERM "$pid"
ends 143

echo "While it serves."
start --shoppers 500 --units 100 --hold 500ms --keep
wait_for "Ctrl-C ends it"
address=$(sed -n 's|^  curl -s \(http://[^/]*\)/.*items/mug$|\1|p' "$scratch/output")
if command -v curl >/dev/null; then
    [[ $(curl -sS "$address/v1/activities/demo/items/mug") == *mug* ]] || fail "it does not serve"
fi
kill -INT "$pid"
ends 130

echo "Wrong words."
expect 2 "$demo" --nonsense
expect 2 "$demo" --shoppers
expect 2 "$demo" --shoppers 0
expect 2 "$demo" --programs /nowhere
expect 0 "$demo" --help
