#!/usr/bin/env bash
# What the edge answers: the same as the front would, without asking it.
set -euo pipefail
# shellcheck source=tests/integration/edge_common.sh
source "$(dirname "${BASH_SOURCE[0]}")/edge_common.sh"

start_redis
start_front 1 --poll-min 100ms --poll-max 100ms
start_edge --set poll_min_ms=100 --set poll_max_ms=100
alice=$(session alice) bob=$(session bob)
for item in one two three; do
    expect 0 "$ctl" item define "s/$item" --shards 4 --hold 1m --price 995 --limit 3
    expect 0 "$ctl" stock load "s/$item" 4 --operation load
done

# refused_here STATUS CODE COMMAND...: and the front has nothing to do with it
refused_here() {
    local before
    before=$(front_requests)
    "${@:3}"
    answers "$1" "$2"
    (($(front_requests) == before)) || fail "the front was asked: $body"
}

# until_here STATUS CODE COMMAND...: until it is refused so, and the front has nothing to do with it
until_here() {
    local wanted=$1 code=$2
    shift 2
    here() {
        local before
        before=$(front_requests)
        "$@"
        [[ $status == "$wanted" && $body == *"\"$code\""* ]] && (($(front_requests) == before))
    }
    until_true here "$@"
}

# attempt ITEM SESSION MEMBERS: a first attempt, with an id of its own
n=0
attempt() {
    request "$url" "$1" "$2" "{\"request_id\":\"n$((++n))\",\"retry\":false${3:-}}"
}

# same_as_front PATH OPTIONS...: status and body, but for the time; and where they are fields, each
same_as_front() {
    local before first first_status path=$1
    shift
    before=$(front_requests)
    ask "$url$path" "$@"
    (($(front_requests) == before)) || fail "the front was asked for $path"
    first=$body first_status=$status
    grep -i '^content-type\|^cache-control\|^www-auth' "$scratch/header" | tr -d '\r' | tr '[:upper:]' '[:lower:]' |
        sort >"$scratch/fields"
    ask "http://${fronts[1]}$path" -H "X-Real-IP: 127.0.0.1" "$@"
    [[ $status == "$first_status" ]] || fail "$path: $first_status, and the front says $status"
    diff <(jq -S 'del(.server_time)' <<<"$first") <(jq -S 'del(.server_time)' <<<"$body") || fail "$path differs"
    grep -i '^content-type\|^cache-control\|^www-auth' "$scratch/header" | tr -d '\r' | tr '[:upper:]' '[:lower:]' | sort |
        diff "$scratch/fields" - || fail "$path: header differs"
    [[ $(jq 'has("server_time")' <<<"$first") == "$(jq 'has("server_time")' <<<"$body")" ]] || fail "$path: server_time"
}

echo "Items and activities."
same_as_front /v1/activities/s
same_as_front /v1/activities/nobody
same_as_front /v1/activities/s/items/one
same_as_front "/v1/activities/s/items/one?and=more"
same_as_front /v1/activities/s/items/o%6Ee
same_as_front /v1/activities/s/items/none
jq -e '.server_time > 1700000000000' <<<"$(curl -sSk "$url/v1/activities/s/items/one")" >"$scratch/output" || fail "server_time"
ask -I "$url/v1/activities/s/items/one"
[[ $status == 200 && $(curl -sSkI "$url/v1/activities/s/items/one") == *ontent-length:* ]] || fail "HEAD: $status"

echo "Who has no session, or a bad one."
same_as_front /v1/tickets/x
same_as_front /v1/tickets/x -H "Authorization: Bearer $alice"
same_as_front /v1/tickets/x -H "Authorization: Basic $alice"
same_as_front /v1/tickets/x -H "Authorization: Bearer ${alice:0:40}"
same_as_front /v1/activities/s/cart -H "Authorization: Bearer ${alice:0:30}AAAA${alice:34}"
same_as_front /v1/orders -H "Authorization: Bearer nothing" -d '{}'
same_as_front /v1/cancellations -d '{}'
same_as_front /v1/captcha
"$ctl" keys new --out "$scratch/other-keys" >/dev/null
same_as_front /v1/tickets/x -H "Authorization: Bearer $("$ctl" session alice --keys "$scratch/other-keys")"
short=$("$ctl" session alice --keys "$scratch/keys" --for 1ms)
ended() {
    ask "$url/v1/tickets/x" -H "Authorization: Bearer $short"
    [[ $(jq -r .code <<<"$body") == token_expired ]]
}
until_true ended # the leeway is 2 s
same_as_front /v1/tickets/x -H "Authorization: Bearer $short"

echo "Tickets, from the queue to the order."
request "$url" one "$alice" '{"request_id":"a1","quantity":2,"retry":false}'
[[ $status == 202 ]] || fail "$status $body"
ticket=$(jq -r .ticket <<<"$body")
same_as_front "/v1/tickets/$ticket" -H "Authorization: Bearer $alice"
[[ $(jq -r .state <<<"$body") == queued ]] || fail "$body"
same_as_front "/v1/tickets/$ticket" -H "Authorization: Bearer $bob"
answers 403 not_yours
same_as_front "/v1/tickets/${ticket:0:50}AAAA${ticket:54}" -H "Authorization: Bearer $alice"
same_as_front "/v1/tickets/$alice" -H "Authorization: Bearer $alice"
"$worker" --redis "$SECKILL_REDIS" --activity s --roles decide,expire --list-interval 50ms >"$scratch/worker.log" 2>&1 &
pids+=($!)
granted() {
    ask "$url/v1/tickets/$ticket" -H "Authorization: Bearer $alice"
    [[ $(jq -r .state <<<"$body") == granted ]]
}
until_true granted
token=$(jq -r .token <<<"$body")
first=$(jq -S 'del(.token)' <<<"$body")
ask "http://${fronts[1]}/v1/tickets/$ticket" -H "Authorization: Bearer $alice" -H "X-Real-IP: 127.0.0.1"
diff <(echo "$first") <(jq -S 'del(.token)' <<<"$body") || fail "granted differs"

claim() {
    ask "$url/v1/$1" -H "Authorization: Bearer $2" -H "Content-Type: application/json" -d "{\"token\":\"$3\"}"
}
refused_here 403 not_yours claim orders "$bob" "$token"
refused_here 403 not_yours claim cancellations "$bob" "$token"
refused_here 403 token_forged claim orders "$alice" "${token:0:50}AAAA${token:54}"
refused_here 403 token_purpose claim cancellations "$alice" "$ticket"
refused_here 400 token_garbage claim orders "$alice" "x"
claim orders "$alice" "$token"
[[ $status == 201 && $(jq -r .state <<<"$body") == sold && $(jq -r .total <<<"$body") == 1990 ]] || fail "$status $body"
claim orders "$alice" "$token"
[[ $status == 200 ]] || fail "$status $body"
same_as_front "/v1/tickets/$ticket" -H "Authorization: Bearer $alice"
[[ $(jq -r .state <<<"$body") == sold ]] || fail "$body"

echo "Sold out, paused, ended, not started."
expect 0 "$ctl" stock withdraw s/one 2 --operation all
until_here 409 sold_out attempt one "$bob" # two rounds prove it
until_here 409 sold_out attempt one "$bob" ',"quantity":3,"captcha":"x"'
# New workers go on from the last round of the old ones.
started() {
    curl -sS "$private/edge/metrics" | grep ^seckill_edge_start
}
old=$(started)
renewed() {
    [[ $(started) != "$old" ]]
}
kill -HUP "$edge_pid"
until_true renewed
sleep 0.3 # until what was read is old
refused_here 409 sold_out attempt one "$bob"
same_as_front /v1/activities/s/items/one/requests -H "Authorization: Bearer $bob" -H "Content-Type: application/json" \
    -d '{"request_id":"b","retry":false}'
expect 0 "$ctl" stock load s/one 1 --operation more
admitted() {
    attempt one "$bob"
    [[ $status == 202 ]]
}
until_true admitted
until_here 409 not_enough attempt two "$bob" ',"quantity":5'
expect 0 "$ctl" item pause s/two
until_here 409 paused attempt two "$bob"
expect 0 "$ctl" item end s/two
until_here 410 ended attempt two "$bob"
expect 0 "$ctl" item define s/later --shards 2 --start +1h
until_here 409 not_started attempt later "$bob"
(($(jq .retry_after_ms <<<"$body") > 3500000)) || fail "$body"
grep -qi '^retry-after: 3[56]' "$scratch/header" || fail "no Retry-After: $(cat "$scratch/header")"
refused_here 404 not_defined attempt none "$bob"

echo "What is not plain, or may be a repetition, the front decides."
for said in '{"request_id":"p","retry":true}' '{"request_id":"p"}' '{"request_id":"p","retry":false,"retry":true}' \
    '{"request_id":"\u0070","retry":false}' '{"request_id":"p","retry":false' '[]' '{"request_id":"p","retry":false,"more":1}' \
    '{"request_id":"p","retry":false,"quantity":1.0}' '{"request_id":"p","retry":0}' '{"request_id":"","retry":false}'; do
    before=$(front_requests)
    request "$url" two "$bob" "$said"
    (($(front_requests) == before + 1)) || fail "the front was not asked: $said"
    first="$status $body"
    request "http://${fronts[1]}" two "$bob" "$said"
    [[ $first == "$status $body" ]] || fail "$said: $first, $status $body"
done

echo "The blacklist."
expect 0 "$ctl" blacklist add user bob
until_here 403 blacklisted attempt three "$bob"
[[ $body == *"the user is blacklisted"* ]] || fail "$body"
expect 0 "$ctl" blacklist remove user bob
three_admits() {
    attempt three "$bob"
    [[ $status == 202 ]]
}
until_true three_admits
expect 0 "$ctl" blacklist add address 127.0.0.0/8
until_here 403 blacklisted attempt three "$alice"
refused_here 403 blacklisted ask "$url/v1/tickets/$ticket" -H "Authorization: Bearer $alice"
refused_here 403 blacklisted claim orders "$alice" "$token"
[[ $body == *"the address is blacklisted"* ]] || fail "$body"
expect 0 "$ctl" blacklist remove address 127.0.0.0/8

echo "What is not the fronts' to show."
for path in /metrics /healthz /v1/../metrics /v1/%2e%2e/metrics /v1/..%2fmetrics //metrics /v1//../../metrics /%6detrics /metrics/ \
    '/v1/?/../../metrics' '/v1/..;/metrics' /v1/../v1/..//healthz /edge/metrics /edge/refused /V1/../metrics; do
    before=$(front_requests)
    ask "$url$path"
    [[ $status == 40* && $body != *seckill_* && $body != *ready* ]] || fail "$path: $status $body"
done
ask --http1.1 --request-target "http://127.0.0.1/metrics" "$url/"
[[ $status == 404 ]] || fail "an absolute target: $status $body"
ask "$url/"
[[ $status == 200 && $body == *"the shop's pages"* ]] || fail "$status $body"
ask -X PUT "$url/v1/orders" -d x
answers 405 method_not_allowed
(($(count seckill_edge_answers_total) > 30)) || fail "it does not count"

echo "Big ones."
ask "$url/v1/orders" -H "Authorization: Bearer $alice" -H "Content-Type: application/json" -d "$(head -c 9000 /dev/zero | tr '\0' x)"
answers 413 body_too_large
ask "$url/v1/activities/$(head -c 9000 /dev/zero | tr '\0' x)" --http1.1
answers 414 uri_too_long
ask "$url/v1/activities/s" -H "X-More: $(head -c 9000 /dev/zero | tr '\0' x)" --http1.1
answers 431 header_too_large
end "$edge_pid"
nothing_left
