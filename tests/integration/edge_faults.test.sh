#!/usr/bin/env bash
# The edge when parts of the shop are slow, away, dead or new: how old its answers are, and whom it asks.
set -euo pipefail
# shellcheck source=tests/integration/edge_common.sh
source "$(dirname "${BASH_SOURCE[0]}")/edge_common.sh"

start_redis
ln -s redis.sock "$scratch/edge.sock" # the way of the edge alone
start_front 1 --poll-min 100ms
start_front 2 --poll-min 100ms
start_edge --redis "unix:$scratch/edge.sock"
expect 0 "$ctl" item define s/one --shards 4 --hold 1m
expect 0 "$ctl" stock load s/one 100 --operation load
alice=$(session alice)
item=/v1/activities/s/items/one

echo "TLS."
certificate=$(echo "$TMPDIR"/seckill-edge-*/certificate.pem)
[[ $(curl -sS --cacert "$certificate" -o "$scratch/output" -w '%{http_version} %{http_code}' "$url$item") == "2 200" ]] || fail "TLS"
! curl -sS "$url$item" >"$scratch/output" 2>&1 || fail "nobody made that certificate"
! curl -sSk --tls-max 1.1 "$url$item" >"$scratch/output" 2>&1 || fail "TLS 1.1"

echo "Many requests share a reading, over both workers."
now_ms() {
    echo $(($(date +%s%N) / 1000000))
}
for ((i = 0; i < 1000; i++)); do
    printf 'url = "%s%s"\noutput = /dev/null\n' "$url" "$item"
done >"$scratch/urls"
before=$(count seckill_edge_redis_commands_total) answered=$(count seckill_edge_answers_total) since=$(now_ms)
for ((i = 0; i < 6; i++)); do # long enough for some readings
    curl -sSk --http1.1 --parallel --parallel-max 40 -K "$scratch/urls" 2>"$scratch/output"
done
took=$(($(now_ms) - since))
asked=$(($(count seckill_edge_redis_commands_total) - before))
(($(count seckill_edge_answers_total) == answered + 6000)) || fail "answered $(count seckill_edge_answers_total)"
# A reading is the list and 4 shards; none is begun before the last one is 200 ms old. A worker that does not know the list asks once more.
((asked <= 5 * (took / 200 + 1) + 2)) || fail "$asked commands in $took ms"
((asked >= 5 * (took / 400))) || fail "only $asked commands in $took ms: old answers"

echo "No answer is older than 200 ms."
for ((i = 1; i <= 8; i++)); do
    ask "$url$item" # so that there is an old one
    expect 0 "$ctl" stock load s/one 1 --operation "more$i"
    sleep 0.2
    ask "$url$item"
    (($(jq .stock_left <<<"$body") == 100 + i)) || fail "$i units later it says: $body"
done

echo "Without its Redis the edge passes on; and then serves again."
passed_on() {
    local before
    before=$(front_requests)
    ask "$url$item"
    [[ $status == 200 ]] || fail "$status $body"
    (($(front_requests) > before))
}
rm "$scratch/edge.sock"
redis_cli client kill type normal >"$scratch/output"
until_true passed_on
ask "$url/v1/activities/s"
[[ $status == 200 ]] || fail "$status $body"
request "$url" one "$alice" '{"request_id":"w1","retry":false}'
[[ $status == 202 ]] || fail "$status $body"
ask "$url/v1/tickets/$(jq -r .ticket <<<"$body")" -H "Authorization: Bearer $alice"
[[ $status == 200 && $(jq -r .state <<<"$body") == queued ]] || fail "$status $body"
ln -s redis.sock "$scratch/edge.sock"
served_here() {
    ! passed_on
}
until_true served_here

echo "A Redis that stands still holds nobody up for long; what the front says then is told."
kill -STOP "$redis_pid"
sleep 0.3 # until what was read is old
ask "$url$item"
[[ $status == 50[34] && $(jq -r .class <<<"$body") != final ]] || fail "$status $body"
kill -CONT "$redis_pid"
until_true served_here

echo "A front that stands still: a first attempt is not sent to another, a repetition is."
kill -STOP "${front_pids[1]}"
handed_on() {
    (($(count seckill_edge_passed_total) == $1))
}
before=$(count seckill_edge_passed_total)
for id in a1 a2 r1 r2; do # in this order: each two go to one front each
    until_true handed_on "$before"
    before=$((before + 1))
    [[ $id == a* ]] && retry=false || retry=true
    curl -sSk -m 30 -o "$scratch/$id.body" -w '%{http_code}' "$url$item/requests" -H "Authorization: Bearer $alice" \
        -H "Content-Type: application/json" -d '{"request_id":"'$id'","retry":'"$retry"'}' >"$scratch/$id" &
    eval "$id=$!"
    pids+=($!)
done
# shellcheck disable=SC2154 # set above
for id in "$a1" "$a2" "$r1" "$r2"; do
    wait "$id"
done
[[ $(cat "$scratch/a1" "$scratch/a2") =~ ^(202504|504202)$ ]] || fail "first attempts: $(cat "$scratch"/a? "$scratch"/a?.body)"
[[ $(cat "$scratch/r1" "$scratch/r2") == 202202 ]] || fail "repetitions: $(cat "$scratch"/r? "$scratch"/r?.body)"
grep -q '"code":"unknown"' "$scratch/a1.body" "$scratch/a2.body" || fail "$(cat "$scratch"/a?.body)"
kill -CONT "${front_pids[1]}"

echo "A front that is dead is taken out, and let in again."
kill -KILL "${front_pids[1]}"
wait "${front_pids[1]}" 2>/dev/null || true
address=${fronts[1]}
unset 'fronts[1]'
for ((i = 0; i < 20; i++)); do
    request "$url" one "$(session "user$i")" '{"request_id":"d","retry":'"$( ((i % 2)) && echo true || echo false)"'}'
    [[ $status == 202 ]] || fail "$i: $status $body"
    ask "$url/v1/activities/s/cart" -H "Authorization: Bearer $alice"
    [[ $status == 200 ]] || fail "$i: $status $body"
done
kill -KILL "${front_pids[2]}"
wait "${front_pids[2]}" 2>/dev/null || true
request "$url" one "$alice" '{"request_id":"d","retry":true}'
answers 503 unreachable
ask "$url$item"
[[ $status == 200 ]] || fail "reads need no front: $status $body"
fronts[1]=$address
start_front 1 --poll-min 100ms
back() {
    request "$url" one "$alice" '{"request_id":"d","retry":true}'
    [[ $status == 202 ]]
}
until_true back
start_front 2 --poll-min 100ms

echo "Other keys."
"$ctl" keys new --out "$scratch/new-key" >/dev/null
bob=$("$ctl" session bob --keys "$scratch/new-key")
cart() {
    ask "$url/v1/activities/s/cart" -H "Authorization: Bearer $1"
    [[ $status == "$2" ]]
}
cart "$bob" 401 || fail "$status $body"
cp "$scratch/keys" "$scratch/old-key"
echo "k4.local.nonsense" >"$scratch/keys.next"
mv "$scratch/keys.next" "$scratch/keys"
kill -HUP "$edge_pid"
log=$(echo "$TMPDIR"/seckill-edge-*/error.log)
until_true grep -q "keys: key 1:" "$log" # it says so, and goes on as it was
! grep -q nonsense "$log" || fail "a key is in the log"
cart "$alice" 200 || fail "$status $body"
cat "$scratch/new-key" "$scratch/old-key" >"$scratch/keys.next"
mv "$scratch/keys.next" "$scratch/keys"
kill -HUP "${front_pids[1]}" "${front_pids[2]}"
until_true grep -q "read again" "$scratch/front1.log"
until_true grep -q "read again" "$scratch/front2.log"
kill -HUP "$edge_pid"
until_true cart "$bob" 200
cart "$alice" 200 || fail "$status $body"
cp "$scratch/new-key" "$scratch/keys.next"
mv "$scratch/keys.next" "$scratch/keys"
kill -HUP "$edge_pid"
until_true cart "$alice" 401
answers 401 token_key
end "$edge_pid"

echo "Limits, and slow clients."
start_edge --no-tls --address-rate 5 --address-burst 5 --address-connections 4
host=${url#http://}
# drip TEXT: begins a request and goes on no further; its connection is ${drips[-1]}
drips=()
drip() {
    exec {one}<>"/dev/tcp/${host%:*}/${host##*:}"
    printf '%s' "$1" >&"$one"
    drips+=("$one")
}
drip $'GET / HTTP/1.1\r\nHost: x\r\nX-Slow:'
for ((i = 0; i < 4; i++)); do
    drip "$(printf 'POST /v1/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{' \
        "$bob")"
done
full() {
    ask "$url$item"
    [[ $status == 429 ]]
}
until_true full
answers 429 rate_limited
for one in "${drips[@]}"; do
    timeout 20 cat <&"$one" >"$scratch/output" 2>&1 || (($? != 124)) || fail "a slow client is not closed"
    exec {one}>&-
done
passes() {
    ask "$url$item"
    [[ $status == 200 ]]
}
until_true passes
for ((i = 0; i < 20; i++)); do
    ask "$url$item"
    [[ $status == 200 ]] || break
done
answers 429 rate_limited
grep -qi '^retry-after: 1' "$scratch/header" || fail "$(cat "$scratch/header")"
end "$edge_pid"
nothing_left

echo "What is missing or wrong is said."
expect 2 "$edge/run"
expect 2 "$edge/run" --front 127.0.0.1:1 --keys "$scratch/none"
expect 3 "$edge/run" --front 127.0.0.1:1 --keys "$scratch/keys" --library "$scratch/none.so"
expect 1 "${preload[@]}" "$edge/run" --front 127.0.0.1:1 --keys "$scratch/keys" --library "$library" --set nonsense=1
says "nonsense: there is no such setting"
expect 0 "$edge/run" --front 127.0.0.1:1 --keys "$scratch/keys" --library "$library" --write "$scratch/written" \
    --listen 127.0.0.1:443 --private 127.0.0.1:9101
[[ -s $scratch/written/nginx.conf && -s $scratch/written/settings.lua ]] || fail "nothing is written"
nothing_left
