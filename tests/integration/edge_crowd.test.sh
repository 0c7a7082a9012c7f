#!/usr/bin/env bash
# Crowds of shoppers through the edge: what they are told fits together, while fronts are killed, and nearly all of it comes from the edge.
set -euo pipefail
# shellcheck source=tests/integration/edge_common.sh
source "$(dirname "${BASH_SOURCE[0]}")/edge_common.sh"

start_redis
start_front 1 --poll-min 20ms --poll-max 200ms
start_front 2 --poll-min 20ms --poll-max 200ms
start_edge --no-tls --set poll_min_ms=20 --set poll_max_ms=200 --address-rate 1000000 --address-burst 1000000
"$worker" --redis "$SECKILL_REDIS" --activity s --roles decide,expire --list-interval 50ms >"$scratch/worker.log" 2>&1 &
pids+=($!)
expect 0 "$ctl" item define s/one --shards 4 --hold 1m
expect 0 "$ctl" stock load s/one 2000 --operation load
"$shoppers" --front "${url#http://}" --activity s --item one --shoppers 6000 --session-keys "$scratch/keys" \
    --report "$scratch/report" >"$scratch/output" 2>&1 &
crowd=$!
pids+=("$crowd")
for ((i = 0; i < 4; i++)); do
    number=$((i % 2 + 1))
    sold() {
        (($("$ctl" stock get s/one --field total.sold) >= 200 * (i + 1))) || ! kill -0 "$crowd" 2>/dev/null
    }
    until_true sold
    kill -KILL "${front_pids[number]}"
    wait "${front_pids[number]}" 2>/dev/null || true
    start_front "$number" --poll-min 20ms --poll-max 200ms
done
wait "$crowd" || fail "the shoppers end with $?"
says "consistent"
value() {
    sed -n 's/^  "'"$1"'": \([0-9]*\),\{0,1\}$/\1/p' "$scratch/report"
}
(($(value finished) == 6000 && $(value granted) >= 2000)) || fail "finished $(value finished), granted $(value granted)"
(($(value ordered) == $("$ctl" stock get s/one --field total.sold))) || fail "ordered $(value ordered)"
(($(value cancelled) == $("$ctl" stock get s/one --field total.cancelled))) || fail "cancelled $(value cancelled)"
(($(count seckill_edge_answers_total) > 0)) || fail "the edge has answered nothing"
end "$edge_pid"
nothing_left
