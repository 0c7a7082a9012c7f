#!/usr/bin/env bash
# Programs that meet keys of a release with another layout: each says which layout they have, which one it knows, and the key; none
# changes anything; and when the keys are what they were, all go on.
set -euo pipefail
# shellcheck source=tests/integration/demo_common.sh
source "$(dirname "${BASH_SOURCE[0]}")/demo_common.sh"

if ! cli=$(command -v valkey-cli || command -v redis-cli); then
    echo "skipped: there is no redis-cli"
    exit 77
fi
known=$(sed -n 's/^ *SECKILL_KEY_LAYOUT = \([0-9]*\).*/\1/p' "$SECKILL_SOURCE_DIR/include/seckill/base.h")
other=$((known + 1))
map='seckill:{s/p}:map'

export SECKILL_REDIS=unix:$scratch/redis.sock SECKILL_KEYS=$scratch/keys
"$redis" --port 0 --unixsocket "$scratch/redis.sock" --dir "$scratch" --save "" >"$scratch/redis.log" 2>&1 &
pids+=($!)
expect 0 "$ctl" item list s --timeout 10s
expect 0 "$ctl" keys new --out "$scratch/keys"
expect 0 "$ctl" item define s/p --shards 2
expect 0 "$ctl" stock load s/p 100 --operation load

mkfifo "$scratch/ready"
"$front" --listen 127.0.0.1:0 --keys "$scratch/keys" --loops 1 --direct --trust-user-header X-User --ready-fd 3 \
    3>"$scratch/ready" >"$scratch/front.log" 2>&1 &
front_pid=$!
pids+=("$front_pid")
line=""
read -r -t 15 line <"$scratch/ready" || fail "the front does not listen: $(cat "$scratch/front.log")"
address=${line#listening on }
"$worker" --activity s --orders "$scratch/orders.db" --inventory s/p=100 --list-interval 50ms --verbose \
    >"$scratch/worker.log" 2>&1 &
worker_pid=$!
pids+=("$worker_pid")

redis_do() {
    "$cli" -s "$scratch/redis.sock" "$@"
}

# set_layout NUMBER: of every key that says which it has
set_layout() {
    local key
    for key in "$map" $(redis_do --raw keys '*:stock'); do
        redis_do hset "$key" layout "$1" >/dev/null
    done
}

# ask METHOD PATH [BODY]: what the front answers goes to $scratch/output
ask() {
    local body=${3:-}
    exec 4<>"/dev/tcp/${address%:*}/${address##*:}"
    printf '%s %s HTTP/1.1\r\nHost: front\r\nX-User: una\r\nContent-Type: application/json\r\nContent-Length: %d\r\n' "$1" "$2" \
        "${#body}" >&4
    printf 'Connection: close\r\n\r\n%s' "$body" >&4
    timeout 20 cat <&4 >"$scratch/output" || fail "the front does not answer $1 $2"
    exec 4>&-
}

# everything: a checksum of all keys
everything() {
    redis_do --raw keys '*' | LC_ALL=C sort | while read -r key; do
        redis_do dump "$key"
    done | cksum
}

# soon FILE PATTERN: the file has it, at once or in a moment
soon() {
    local i
    for ((i = 0; i < 400; i++)); do
        ! grep -q -- "$2" "$1" || return 0
        sleep 0.05
    done
    cp "$1" "$scratch/output"
    fail "it does not say: $2"
}

soon "$scratch/worker.log" "at work"
set_layout "$other"
before=$(everything)

echo "The front."
text="these keys have layout $other, this release knows layout $known ("
ask POST /v1/activities/s/items/p/requests '{"request_id":"a"}'
says "HTTP/1.1 500"
says '"code":"layout"'
soon "$scratch/front.log" "error: layout: $text"
ask GET /healthz # which is about the front, not about an item
says "HTTP/1.1 200"

echo "The worker."
for each in "deciding the queue" "reading events" "expiring reservations" "finishing transfers" "reading the settings"; do
    soon "$scratch/worker.log" "error: $each of s/p.*: layout: $text" # of which shard is a matter of chance
done

echo "The operator's command."
for each in "item get s/p" "item define s/p --shards 2 --price 1" "item pause s/p" "item end s/p" "item purge s/p --yes" \
    "stock load s/p 1 --operation more" "stock get s/p" "account s/p --orders $scratch/orders.db" "reconcile s/p" \
    "reconcile s/p --repair" "preflight s/p" "status s" "queue read s/p" "events read s/p" "transfers finish s/p" "expire s/p" \
    "reserve s/p una" "lookup s/p una"; do
    # shellcheck disable=SC2086 # words
    ! "$ctl" $each >"$scratch/output" 2>&1 || fail "$each succeeds"
    says "$text$map)"
done
[[ $(everything) == "$before" ]] || fail "something was changed"

echo "All go on."
set_layout "$known"
ask POST /v1/activities/s/items/p/requests '{"request_id":"a"}'
says "HTTP/1.1 200"
expect 0 "$ctl" reconcile s/p
kill "$front_pid" "$worker_pid"
wait "$front_pid" || fail "the front ends with $?"
wait "$worker_pid" || fail "the worker ends with $?"
