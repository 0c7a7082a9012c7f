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

echo "While they stand in the queue."
start --shoppers 200000 --units 1000
wait_for "stand in the queue"
kill -INT "$pid"
ends 130
says "Stopped."

echo "While they are answered at once."
start --mode direct --shoppers 200000 --units 1000
wait_for "answered at once"
kill -TERM "$pid"
ends 143

if command -v valkey-cli >/dev/null || command -v redis-cli >/dev/null; then
    echo "While its cluster forms, and while a master is dead."
    start --cluster --mode direct
    wait_for "Starting a Redis Cluster"
    kill -INT "$pid"
    ends 130
    says "Stopped."
    start --cluster --mode direct --shoppers 200000 --units 2000
    wait_for "has been killed"
    kill -INT "$pid"
    ends 130
    says "Stopped."
fi

echo "While it waits for what is not paid."
start --shoppers 500 --units 100 --hold 20s
wait_for "Waiting until"
kill -TERM "$pid"
ends 143

echo "While it serves."
start --shoppers 500 --units 100 --hold 500ms --keep
wait_for "Ctrl-C ends it"
if command -v curl >/dev/null; then
    echo "What it says to try works, word by word."
    sed -n '/^Still serving/,/^Ctrl-C/s/^  //p' "$scratch/output" | sed 's/^curl -s /curl -sS /' >"$scratch/try"
    # A person is slower than the worker, which decides the ticket that is polled next.
    stock=$(grep "stock get demo/mug" "$scratch/try")
    sed -i "s|^GRANT=|until [[ \$($stock --field total.queued) == 0 ]]; do sleep 0.05; done\nGRANT=|" "$scratch/try"
    # Through a pipe, since tee opens /dev/stderr anew and would write over what a file has.
    bash -euo pipefail "$scratch/try" 2>&1 | cat >"$scratch/tried" || fail "it does not work: $(cat "$scratch/try" "$scratch/tried")"
    for wanted in '"item":"mug"' '"state":"queued"' '"state":"granted"' '"reservations":\[{' '"state":"sold"'; do
        grep -q "$wanted" "$scratch/tried" || fail "it does not say $wanted: $(cat "$scratch/try" "$scratch/tried")"
    done
fi
kill -INT "$pid"
ends 130

echo "While it builds, and where packages are missing: a tree with a compiler that takes its time."
mkdir -p "$scratch/bin" "$scratch/tree/examples"
cp "$demo" "$scratch/tree/examples/demo"
printf "#!/bin/sh\nexit \${PACKAGES:-0}\n" >"$scratch/tree/examples/install"
cat >"$scratch/bin/cmake" <<END
#!/bin/sh
[ "\$1" = --build ] || exit 0
sleep 600 &
echo \$! >"$scratch/compiler.new" && mv "$scratch/compiler.new" "$scratch/compiler"
wait
END
chmod +x "$scratch/tree/examples/install" "$scratch/bin/cmake"
PATH=$scratch/bin:$PATH env --default-signal=INT "$scratch/tree/examples/demo" >"$scratch/output" 2>&1 &
pid=$!
pids+=("$pid")
for ((i = 0; i < 600; i++)); do
    [[ ! -e $scratch/compiler ]] || break
    sleep 0.05
done
[[ -e $scratch/compiler ]] || fail "it does not build in time"
compiler=$(cat "$scratch/compiler")
pids+=("$compiler")
kill -INT "$pid"
ends 130
says "Stopped."
if grep -q '^State:[[:space:]]*[^XZ[:space:]]' "/proc/$compiler/status" 2>/dev/null; then
    fail "the compiler runs on"
fi
PACKAGES=1 expect 3 "$scratch/tree/examples/demo"
says "packages are missing"

echo "When the shoppers have just been started."
sed "s/^    \"\$@\" &\$/&\n    [[ \$name != seckill-shoppers ]] || kill -TERM \$\$/" "$demo" >"$scratch/tree/examples/demo"
grep -q 'kill -TERM \$\$' "$scratch/tree/examples/demo" || fail "the demo starts its programs otherwise now"
expect 143 "$scratch/tree/examples/demo" --programs "$SECKILL_BUILD_DIR" --mode direct
nothing_left

echo "Wrong words."
expect 2 "$demo" --nonsense
expect 2 "$demo" --shoppers
expect 2 "$demo" --shoppers 0
expect 2 "$demo" --mode slow
expect 2 "$demo" --connections 1001
expect 2 "$demo" --shards 1025
expect 2 "$demo" --hold soon
expect 2 "$demo" --hold 0s
expect 2 "$demo" --programs "$SECKILL_BUILD_DIR" --hold 8d
nothing_left
expect 2 "$demo" --programs /nowhere
expect 0 "$demo" --help
