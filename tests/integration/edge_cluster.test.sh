#!/usr/bin/env bash
# The edge on a Redis Cluster: it finds who serves what, follows a failover that was planned and one that was not, and meanwhile
# passes on what it cannot answer.
set -euo pipefail
# shellcheck source=tests/integration/edge_common.sh
source "$(dirname "${BASH_SOURCE[0]}")/edge_common.sh"
cli=${redis%-server}-cli

# node NUMBER COMMAND...
node() {
    "$cli" -p "${ports[$1]}" "${@:2}"
}

# start_node NUMBER: on ports that nobody listens on
ports=() node_pids=()
start_node() {
    local tries
    for ((tries = 0; tries < 20; tries++)); do
        ports[$1]=$((10000 + RANDOM % 10000))
        mkdir -p "$scratch/node$1"
        "$redis" --port "${ports[$1]}" --bind 127.0.0.1 --cluster-enabled yes --save "" \
            --cluster-node-timeout 1000 --cluster-require-full-coverage no --repl-diskless-sync-delay 0 --dir "$scratch/node$1" \
            >"$scratch/node$1/log" 2>&1 &
        node_pids[$1]=$!
        pids+=($!)
        until ! kill -0 "${node_pids[$1]}" 2>/dev/null; do
            [[ $(node "$1" info server 2>&1) != *process_id:"${node_pids[$1]}"[!0-9]* ]] || return 0
            sleep 0.02
        done
    done
    fail "no node starts: $(cat "$scratch/node$1/log")"
}

for ((i = 0; i < 4; i++)); do
    start_node "$i"
done
# The slots in three parts; node 3 is the replica of node 0.
node 0 cluster addslotsrange 0 5460 >"$scratch/output"
node 1 cluster addslotsrange 5461 10922 >"$scratch/output"
node 2 cluster addslotsrange 10923 16383 >"$scratch/output"
for ((i = 1; i < 4; i++)); do
    node "$i" cluster set-config-epoch $((i + 1)) >"$scratch/output" || true
    node "$i" cluster meet 127.0.0.1 "${ports[0]}" >"$scratch/output"
done
well() {
    [[ $(node "$1" cluster info) == *cluster_state:ok*cluster_known_nodes:4* && $(node "$1" cluster slots | grep -c "^127") -ge "$2" ]]
}
for ((i = 0; i < 4; i++)); do
    until_true well "$i" 3
done
node 3 cluster replicate "$(node 0 cluster myid)" >"$scratch/output"
in_step() {
    [[ $(node 3 info replication) == *master_link_status:up* ]]
}
until_true in_step
for ((i = 0; i < 3; i++)); do
    until_true well "$i" 4 # all know the replica
done

export SECKILL_REDIS=127.0.0.1:${ports[0]},127.0.0.1:${ports[1]}
"$ctl" keys new --out "$scratch/keys" >/dev/null
start_front 1 --poll-min 100ms
start_edge --cluster "127.0.0.1:${ports[1]}"
for item in one two; do
    expect 0 "$ctl" item define "s/$item" --shards 6 --hold 1m --timeout 10s
    expect 0 "$ctl" stock load "s/$item" 6 --operation load
done
# After a failover units are counted anew once somebody has written to the shard, as a worker does.
"$worker" --redis "$SECKILL_REDIS" --activity s --roles expire --list-interval 50ms >"$scratch/worker.log" 2>&1 &
pids+=($!)
alice=$(session alice)
item=/v1/activities/s/items/one

# here COMMAND...: it is 200, and the front has nothing to do with it
here() {
    local before
    before=$(front_requests)
    ask "$@"
    [[ $status == 200 ]] && (($(front_requests) == before))
}

here "$url$item" || fail "$status $body"
[[ $(jq .stock_left <<<"$body") == 6 ]] || fail "$body"
here "$url/v1/activities/s" || fail "$status $body"
tickets=()
for ((i = 0; i < 8; i++)); do # on several shards
    who[i]=$(session "user$i")
    request "$url" one "${who[i]}" '{"request_id":"t","retry":false}'
    [[ $status == 202 ]] || fail "$status $body"
    tickets[i]=$(jq -r .ticket <<<"$body")
done
polls_here() {
    local i
    for ((i = 0; i < 8; i++)); do
        here "$url/v1/tickets/${tickets[i]}" -H "Authorization: Bearer ${who[i]}" || return 1
    done
}
polls_here || fail "$status $body"
expect 0 "$ctl" stock withdraw s/two 6 --operation all
n=0
sold_out_here() {
    local before
    before=$(front_requests)
    request "$url" two "$alice" "{\"request_id\":\"n$((++n))\",\"retry\":false}"
    [[ $body == *sold_out* ]] && (($(front_requests) == before))
}
until_true sold_out_here
expect 0 "$ctl" blacklist add user mallory
mallory=$(session mallory)
request "$url" one "$mallory" '{"request_id":"m","retry":false}'
answers 403 blacklisted

echo "A planned failover: nothing is passed on but what is followed."
before=$(count seckill_edge_redis_redirected_total)
node 3 cluster failover >"$scratch/output"
promoted() {
    [[ $(node 3 role | head -1) == master ]]
}
until_true promoted
follows() {
    polls_here && here "$url$item" && (($(count seckill_edge_redis_redirected_total) > before))
}
until_true follows
until_true sold_out_here

echo "A master that is killed: what it served is passed on until another serves it."
back_in_step() {
    [[ $(node 0 info replication) == *master_link_status:up* ]]
}
until_true back_in_step
kill -KILL "${node_pids[3]}"
wait "${node_pids[3]}" 2>/dev/null || true
ask "$url$item"
[[ $status =~ ^(200|503|504)$ ]] || fail "$status $body" # the front may have no answer either
until_true here "$url$item"
until_true polls_here
until_true sold_out_here
[[ $(jq .stock_left <<<"$(curl -sSk "$url$item")") == 6 ]] || fail "stock"
end "$edge_pid"
nothing_left
