#!/usr/bin/env bash
# The shoppers against the front: by sessions and by a trusted header, over a unix socket and over TCP, through the queue and
# without it, and through fronts and workers that are killed while they shop.
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
start_front 127.0.0.1:0 --direct
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
by_socket=("unix:$scratch/front.sock" --trust-user-header X-User)
start_front "${by_socket[@]}" --direct
put_on_sale two 100
expect 0 "$shoppers" --front "unix:$scratch/front.sock" --activity s --item two --shoppers 500 --user-header X-User --seed 42 \
    --retry-refused 0 --connections 1 --json --report "$scratch/report"
cmp "$scratch/output" "$scratch/report" || fail "it prints another report than it writes"
(($(value granted) + $(value refused) == 500)) || fail "granted $(value granted), refused $(value refused)"

# kill_front OPTIONS...: and starts another one
kill_front() {
    kill -KILL "$front_pid"
    wait "$front_pid" 2>/dev/null || true
    rm -f "$scratch/front.sock"
    start_front "${by_socket[@]}" "$@"
}

# wait_until_sold ITEM NUMBER: or until the crowd is gone
wait_until_sold() {
    while (($("$ctl" stock get "$1" --field total.sold) < $2)) && kill -0 "$crowd" 2>/dev/null; do
        sleep 0.02
    done
}

# all_in_order ITEM: what the crowd saw is what there is
all_in_order() {
    wait "$crowd" || fail "the shoppers end with $?"
    says "consistent"
    (($(value finished) == 20000)) || fail "finished $(value finished)"
    (($(value disconnects) > 0)) || fail "nobody was disconnected"
    (($(value ordered) == $("$ctl" stock get "$1" --field total.sold))) || fail "ordered $(value ordered)"
    (($(value cancelled) == $("$ctl" stock get "$1" --field total.cancelled))) || fail "cancelled $(value cancelled)"
}

# let_in ITEM: a crowd, in the background
let_in() {
    "$shoppers" --front "unix:$scratch/front.sock" --activity s --item "$1" --shoppers 20000 --user-header X-User --seed 4 \
        --report "$scratch/report" >"$scratch/output" 2>&1 &
    crowd=$!
    pids+=("$crowd")
}

echo "Through a front that is killed."
put_on_sale four 2000
let_in four
for ((i = 0; i < 3; i++)); do
    wait_until_sold s/four $(($("$ctl" stock get s/four --field total.sold) + 50))
    kill_front --direct
done
all_in_order s/four
kill "$front_pid"
wait "$front_pid" || fail "the front ends with $?"

start_worker() {
    "$worker" --redis "$SECKILL_REDIS" --activity s --roles decide,expire --list-interval 50ms >"$scratch/worker.log" 2>&1 &
    worker_pid=$!
    pids+=("$worker_pid")
}

echo "Through the queue."
start_front "${by_socket[@]}" --poll-min 20ms --poll-max 200ms
start_worker
put_on_sale five 300
expect 0 "$shoppers" --front "unix:$scratch/front.sock" --activity s --item five --shoppers 2000 --user-header X-User \
    --report "$scratch/report"
says "consistent"
(($(value queued) > 0 && $(value polls) >= $(value queued) && $(value decided) == 2000)) || fail "queued $(value queued)"
(($(value granted) >= 300 && $(value missed) == 0)) || fail "granted $(value granted), missed $(value missed)"
(($(value ordered) == $("$ctl" stock get s/five --field total.sold))) || fail "ordered $(value ordered)"
(($(value cancelled) == $("$ctl" stock get s/five --field total.cancelled))) || fail "cancelled $(value cancelled)"

echo "Through a queue that is too short for all."
kill "$front_pid"
wait "$front_pid" || fail "the front ends with $?"
start_front "${by_socket[@]}" --poll-min 20ms --poll-max 200ms --queue-min 20 --queue-multiple 0
put_on_sale six 50
expect 0 "$shoppers" --front "unix:$scratch/front.sock" --activity s --item six --shoppers 500 --user-header X-User \
    --report "$scratch/report"
says "consistent"
(($(value decided) == 500)) || fail "decided $(value decided)"

echo "Through a front and a worker that are killed."
kill "$front_pid"
wait "$front_pid" || fail "the front ends with $?"
start_front "${by_socket[@]}" --poll-min 20ms --poll-max 200ms
put_on_sale seven 4000
let_in seven
for ((i = 0; i < 3; i++)); do
    wait_until_sold s/seven $(($("$ctl" stock get s/seven --field total.sold) + 200))
    kill -KILL "$worker_pid"
    wait "$worker_pid" 2>/dev/null || true
    kill_front --poll-min 20ms --poll-max 200ms
    start_worker
done
all_in_order s/seven
expect 0 "$ctl" stock get s/seven
