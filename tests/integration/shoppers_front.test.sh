#!/usr/bin/env bash
# The shoppers against the front: by sessions and by a trusted header, over a unix socket and over TCP, and through a front that
# is killed while they shop.
set -euo pipefail
# shellcheck source=tests/integration/demo_common.sh
source "$(dirname "${BASH_SOURCE[0]}")/demo_common.sh"

export SECKILL_REDIS=unix:$scratch/redis.sock
"$redis" --port 0 --unixsocket "$scratch/redis.sock" --dir "$scratch" --save "" >"$scratch/redis.log" 2>&1 &
pids+=($!)
expect 0 "$ctl" item list s --timeout 10s
"$ctl" keys new --out "$scratch/keys"

# start_front ADDRESS OPTIONS...: names its address $address and its process $front_pid
start_front() {
    local listen=$1 line=""
    shift
    rm -f "$scratch/ready"
    mkfifo "$scratch/ready"
    "$front" --redis "$SECKILL_REDIS" --listen "$listen" --keys "$scratch/keys" --loops 1 --ready-fd 3 "$@" \
        3>"$scratch/ready" >"$scratch/front.log" 2>&1 &
    front_pid=$!
    pids+=("$front_pid")
    read -r -t 15 line <"$scratch/ready" || fail "the front does not listen: $(cat "$scratch/front.log")"
    address=${line#listening on }
}

# put_on_sale ITEM UNITS
put_on_sale() {
    expect 0 "$ctl" item define "s/$1" --shards 4 --hold 1m
    expect 0 "$ctl" stock load "s/$1" "$2" --operation load
}

# value NAME: of the last report
value() {
    sed -n 's/^  "'"$1"'": \([0-9]*\),\{0,1\}$/\1/p' "$scratch/report"
}

echo "By sessions, over TCP."
start_front 127.0.0.1:0
put_on_sale one 300
expect 0 "$shoppers" --front "$address" --activity s --item one --shoppers 2000 --session-keys "$scratch/keys" \
    --report "$scratch/report"
says "consistent"
# Nothing comes back but what is cancelled, so nearly all is taken.
(($(value granted) >= 300 && $(value finished) == 2000)) || fail "granted $(value granted)"
(($(value ordered) == $("$ctl" stock get s/one --field total.sold))) || fail "ordered $(value ordered)"
(($(value cancelled) == $("$ctl" stock get s/one --field total.cancelled))) || fail "cancelled $(value cancelled)"
(($(value never_paid) == $("$ctl" stock get s/one --field total.reserved))) || fail "never paid $(value never_paid)"
kill "$front_pid"
wait "$front_pid" || fail "the front ends with $?"

echo "By a header, over a unix socket, on one connection, as JSON."
start_front "unix:$scratch/front.sock" --trust-user-header X-User
put_on_sale two 100
expect 0 "$shoppers" --front "unix:$scratch/front.sock" --activity s --item two --shoppers 500 --user-header X-User --seed 42 \
    --retry-refused 0 --connections 1 --json --report "$scratch/report"
cmp "$scratch/output" "$scratch/report" || fail "it prints another report than it writes"
(($(value granted) + $(value refused) == 500)) || fail "granted $(value granted), refused $(value refused)"

echo "Through a front that is killed."
put_on_sale four 2000
"$shoppers" --front "unix:$scratch/front.sock" --activity s --item four --shoppers 20000 --user-header X-User --seed 4 \
    --report "$scratch/report" >"$scratch/output" 2>&1 &
crowd=$!
pids+=("$crowd")
for ((i = 0; i < 3; i++)); do
    sold=$("$ctl" stock get s/four --field total.sold)
    while (($("$ctl" stock get s/four --field total.sold) < sold + 50)) && kill -0 "$crowd" 2>/dev/null; do
        sleep 0.02
    done
    kill -KILL "$front_pid"
    wait "$front_pid" 2>/dev/null || true
    rm -f "$scratch/front.sock"
    start_front "unix:$scratch/front.sock" --trust-user-header X-User
done
wait "$crowd" || fail "the shoppers end with $?"
says "consistent"
(($(value disconnects) > 0)) || fail "nobody was disconnected"
(($(value ordered) == $("$ctl" stock get s/four --field total.sold))) || fail "ordered $(value ordered)"
expect 0 "$ctl" stock get s/four
