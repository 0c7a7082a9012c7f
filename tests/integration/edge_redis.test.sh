#!/usr/bin/env bash
# The edge's way to Redis: passwords, TLS, and which of several servers is the master. No front is there: what is answered is its own.
set -euo pipefail
# shellcheck source=tests/integration/edge_common.sh
source "$(dirname "${BASH_SOURCE[0]}")/edge_common.sh"

start_redis
expect 0 "$ctl" item define s/one --shards 4
expect 0 "$ctl" stock load s/one 7 --operation load
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=redis.test -addext subjectAltName=DNS:redis.test \
    -keyout "$scratch/redis-key.pem" -out "$scratch/redis.pem" 2>"$scratch/output"
echo "open sesame" >"$scratch/password"
redis_cli acl setuser edge on '>open sesame' '~*' +@all >"$scratch/output"

# A replica of it, at a port of its own; the master gets one too, and one for TLS.
free_port() {
    port=0
    while ((port == 0)); do
        port=$((10000 + RANDOM % 20000))
        ! (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null || port=0
    done
}
free_port
plain=$port
free_port
secret=$port
free_port
redis_cli config set port "$plain" >"$scratch/output"
"$redis" --port "$port" --bind 127.0.0.1 --dir "$scratch" --dbfilename replica.rdb --save "" --replicaof 127.0.0.1 "$plain" \
    --repl-diskless-sync-delay 0 >"$scratch/replica.log" 2>&1 &
replica=127.0.0.1:$port
pids+=($!)
in_step() {
    [[ $("${redis%-server}-cli" -p "${replica#*:}" info replication 2>&1) == *master_link_status:up* ]]
}
until_true in_step

served() {
    ask "$url/v1/activities/s/items/one"
    [[ $status == 200 && $(jq .stock_left <<<"$body") == 7 ]]
}
# serves OPTIONS...: an edge with these serves the item
serves() {
    start_edge --front 127.0.0.1:1 "$@"
    until_true served
    end "$edge_pid"
}
# does_not WHY OPTIONS...: passes it on, where nobody is, and the log says why
does_not() {
    local why=$1
    shift
    start_edge --front 127.0.0.1:1 "$@"
    refused() {
        ask "$url/v1/activities/s/items/one"
        answers 503 unreachable
        grep -q "$why" "$TMPDIR"/seckill-edge-*/error.log
    }
    until_true refused
    ! grep -rq "sesame" "$TMPDIR" || fail "the password stands somewhere"
    end "$edge_pid"
}

echo "The master of several."
serves --redis "$replica,127.0.0.1:$plain"
serves --redis "unix:$scratch/nobody.sock,$replica,unix:$scratch/redis.sock"

echo "Too many requests for one worker's connections are no reason to ask a replica."
start_edge --front 127.0.0.1:1 --workers 1 --redis "127.0.0.1:$plain,$replica" --set redis_connections=1 --set redis_waiting=0
until_true served
for ((i = 0; i < 200; i++)); do
    printf 'url = "%s/v1/activities/s/items/x%d"\noutput = /dev/null\n' "$url" "$i"
done >"$scratch/urls"
failures=$(count seckill_edge_redis_failures_total)
curl -sSk --parallel --parallel-max 30 -K "$scratch/urls" 2>"$scratch/output"
(($(count seckill_edge_redis_failures_total) > failures)) || fail "there were connections for all"
! grep -q "not a master" "$TMPDIR"/seckill-edge-*/error.log || fail "a replica was asked"
end "$edge_pid"

echo "A master that became a replica, and let its connections be."
other() {
    "${redis%-server}-cli" -p "${replica#*:}" "$@"
}
start_edge --front 127.0.0.1:1 --workers 1 --redis "127.0.0.1:$plain,$replica"
until_true served
other replicaof no one >"$scratch/output"
redis_cli replicaof 127.0.0.1 "${replica#*:}" >"$scratch/output"
sleep 0.3 # until what was read is old
until_true served
back_in_step() {
    [[ $(redis_cli info replication) == *master_link_status:up* ]]
}
until_true back_in_step
redis_cli replicaof no one >"$scratch/output"
other replicaof 127.0.0.1 "$plain" >"$scratch/output"
sleep 0.3
until_true served
until_true in_step
end "$edge_pid"

echo "Passwords."
redis_cli acl setuser default off >"$scratch/output"
does_not "NOAUTH\|WRONGPASS" --redis "127.0.0.1:$plain,$replica"
does_not "WRONGPASS" --redis "127.0.0.1:$plain" --redis-user edge --redis-password-file "$scratch/redis.pem"
serves --redis "127.0.0.1:$plain" --redis-user edge --redis-password-file "$scratch/password"

if "${redis%-server}-cli" -s "$scratch/redis.sock" --user edge --pass "open sesame" --no-auth-warning \
    config set tls-cert-file "$scratch/redis.pem" tls-key-file "$scratch/redis-key.pem" tls-auth-clients no tls-port "$secret" \
    2>&1 | grep -q OK; then
    echo "TLS."
    with=(--redis "127.0.0.1:$secret" --redis-user edge --redis-password-file "$scratch/password")
    serves "${with[@]}" --redis-ca "$scratch/redis.pem" --set redis_tls_name=redis.test
    does_not "certificate host mismatch" "${with[@]}" --redis-ca "$scratch/redis.pem" --set redis_tls_name=else.test
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=redis.test -keyout "$scratch/k" -out "$scratch/else.pem" 2>"$scratch/output"
    does_not "self-signed certificate\|certificate verify failed" "${with[@]}" --redis-ca "$scratch/else.pem" \
        --set redis_tls_name=redis.test
fi
nothing_left
