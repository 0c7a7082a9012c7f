#!/usr/bin/env bash
# The demo with all of a shop's parts: it adds up, says who did what, and leaves nothing running.
set -euo pipefail
# shellcheck source=tests/integration/demo_common.sh
source "$(dirname "${BASH_SOURCE[0]}")/demo_common.sh"

if grep -q '^SECKILL_SANITIZE:[A-Z]*=.' "$SECKILL_BUILD_DIR/CMakeCache.txt"; then
    echo "skipped: nginx cannot load a library with sanitizers"
    exit 77
fi
for program in rabbitmq-server mariadbd nginx openssl curl; do
    if ! PATH=$PATH:/usr/sbin command -v "$program" >/dev/null; then
        echo "skipped: there is no $program"
        exit 77
    fi
done
for program in front worker; do
    if ! "${!program}" --help | grep -q -e --queue; then
        echo "skipped: this build has no RabbitMQ"
        exit 77
    fi
done
if [[ ! -e /usr/lib/nginx/modules/ngx_http_lua_module.so || ! -e /usr/lib/nginx/modules/ngx_stream_module.so ]]; then
    echo "skipped: nginx has no Lua module, or no stream module"
    exit 77
fi

# number LINE: the first number of a line of the last output
number() {
    local line
    line=$(grep -F -- "$1" "$scratch/output" | tail -n 1)
    line=${line#*"$1"}
    grep -oE '[0-9]+' <<<"${line//,/}" | head -n 1
}

# nothing_left_at_all: nor anything that was started with the demo's folders in its environment, as what Erlang leaves behind is
nothing_left_at_all() {
    nothing_left
    local file
    for file in /proc/[0-9]*/environ; do
        # The process that looks has them too.
        [[ $file != "/proc/$$/environ" && $file != "/proc/$BASHPID/environ" ]] || continue
        ! grep -qazF "$TMPDIR/" "$file" 2>/dev/null || fail "it left a process behind: $(tr '\0' ' ' <"${file%environ}cmdline")"
    done
}

whole=("$demo" --full --programs "$SECKILL_BUILD_DIR" --shoppers 1500 --units 300 --shards 6 --hold 3s --connections 50)

echo "It adds up, and everybody did something."
expect 0 "${whole[@]}"
says "It all adds up"
says "1,500 shoppers come for demo/phone and line up"
says "stand in RabbitMQ's queue"
(($(number "orders written to MariaDB") > 200)) || fail "MariaDB has too few orders"
(($(number "requests confirmed, each on its disk") >= 300)) || fail "too few requests went through RabbitMQ"
(($(number "requests decided") >= 300)) || fail "the workers decided too little"
(($(number "requests answered by itself") >= 1000)) || fail "nginx answered too little by itself"
(($(number "passed on to the fronts") >= 300)) || fail "nginx passed on too little"
nothing_left_at_all

echo "Interrupted in the middle, it leaves nothing."
for wait_for in "Starting MariaDB" "line up"; do
    : >"$scratch/output" # what the run before said is not to be taken for this one's
    env --default-signal=INT "${whole[@]}" >"$scratch/output" 2>&1 &
    pid=$!
    pids+=("$pid")
    until grep -q "$wait_for" "$scratch/output"; do
        kill -0 "$pid" 2>/dev/null || fail "it ended before it was interrupted"
        sleep 0.05
    done
    kill -INT "$pid"
    code=0
    wait "$pid" || code=$?
    ((code == 130)) || fail "interrupted, it ends with $code"
    nothing_left_at_all
done
