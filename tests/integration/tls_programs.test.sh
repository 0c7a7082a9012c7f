#!/usr/bin/env bash
# The options of TLS to Redis: seckill-ctl, -front and -worker with a server that speaks nothing else; and what they say where an
# option is wrong, or the library has no TLS.
set -euo pipefail
# shellcheck source=tests/integration/demo_common.sh
source "$(dirname "${BASH_SOURCE[0]}")/demo_common.sh"

"$SECKILL_SOURCE_DIR/tests/support/certificates" "$scratch" >/dev/null 2>&1
"$ctl" keys new --out "$scratch/keys" >/dev/null

# each_refuses SENTENCE OPTIONS...: all three end with 2 and say so
each_refuses() {
    local sentence=$1
    shift
    expect 2 "$ctl" item list sale "$@"
    says "$sentence"
    expect 2 "$front" --keys "$scratch/keys" --listen 127.0.0.1:0 "$@"
    says "$sentence"
    expect 2 "$worker" --activity sale --roles expire "$@"
    says "$sentence"
}

each_refuses "need --redis-tls" --redis-ca "$scratch/ca.pem"
each_refuses "need --redis-tls" --redis-server-name localhost

expect 2 "$ctl" item list sale --redis-tls --redis-ca "$scratch/nowhere.pem"
if grep -q "has no TLS" "$scratch/output"; then
    each_refuses "this build of libseckill has no TLS" --redis-tls
    each_refuses "this build of libseckill has no TLS" --redis-tls --redis-ca "$scratch/ca.pem"
    exit
fi

says "cannot use $scratch/nowhere.pem: No such file or directory"
each_refuses "need each other" --redis-tls --redis-cert "$scratch/client.pem"
each_refuses "need each other" --redis-tls --redis-key "$scratch/leaf.key"

port=$((20000 + RANDOM % 10000))
"$redis" --port 0 --tls-port "$port" --unixsocket "$scratch/redis.sock" --dir "$scratch" --save "" \
    --tls-ca-cert-file "$scratch/ca.pem" --tls-cert-file "$scratch/server.pem" --tls-key-file "$scratch/leaf.key" \
    --tls-auth-clients yes >"$scratch/redis.log" 2>&1 &
pids+=($!)
tls=(--redis "localhost:$port" --redis-tls --redis-ca "$scratch/ca.pem" --redis-cert "$scratch/client.pem"
    --redis-key "$scratch/leaf.key")
expect 0 "$ctl" item define sale/phone --price 100 --limit 1 --hold 1s --timeout 20s "${tls[@]}"
expect 0 "$ctl" stock load sale/phone 10 --operation first "${tls[@]}"
ln -s "$scratch/ca.pem" "$scratch/$(openssl x509 -in "$scratch/ca.pem" -noout -hash).0"
expect 0 "$ctl" stock get sale/phone "${tls[@]}" --redis-ca "$scratch" --redis-server-name 127.0.0.1
expect 3 "$ctl" stock get sale/phone "${tls[@]}" --redis-server-name redis.test --timeout 200ms
says "is not for redis.test"

mkfifo "$scratch/ready"
"$front" --keys "$scratch/keys" --listen 127.0.0.1:0 --loops 1 "${tls[@]}" >"$scratch/ready" 2>"$scratch/front.log" &
pids+=($!)
read -r -t 30 line <"$scratch/ready" || fail "the front does not listen: $(cat "$scratch/front.log")"
curl -sf --retry 50 --retry-delay 0 --retry-all-errors "http://${line#listening on }/v1/activities/sale/items/phone" >"$scratch/output" ||
    fail "the front does not serve: $(cat "$scratch/front.log")"
says '"stock_left":10'

expect 0 "$ctl" reserve sale/phone ann "${tls[@]}"
"$worker" --activity sale --roles expire "${tls[@]}" 2>"$scratch/worker.log" &
pids+=($!)
until [[ $("$ctl" stock get sale/phone --field total.expired "${tls[@]}") == 1 ]]; do
    sleep 0.05
done
