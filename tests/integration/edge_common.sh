# Sourced by the tests of examples/edge.
# shellcheck shell=bash disable=SC2034,SC2154 # what demo_common.sh sets

# shellcheck source=tests/integration/demo_common.sh
source "$(dirname "${BASH_SOURCE[0]}")/demo_common.sh"
edge=$SECKILL_SOURCE_DIR/examples/edge
library=$SECKILL_BUILD_DIR/lib/libseckill.so
export PATH=$PATH:/usr/sbin

for needed in nginx curl openssl jq; do
    if ! command -v "$needed" >/dev/null; then
        echo "skipped: there is no $needed"
        exit 77
    fi
done
if [[ ! -e $library || ! -e /usr/lib/nginx/modules/ngx_http_lua_module.so || ! -e /usr/share/lua/5.1/resty/lrucache.lua ]]; then
    echo "skipped: there is no shared library, or no Lua module of nginx"
    exit 77
fi

# A library with sanitizers wants their runtime to be there first; nginx itself leaves some memory to the end of its process.
preload=()
if nm -D "$library" | grep __asan_init >/dev/null; then
    preload=(env "LD_PRELOAD=$("$SECKILL_CC" -print-file-name=libasan.so)" "ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0")
fi

# start_redis: at $SECKILL_REDIS; $redis_pid, and `redis_cli COMMAND...`
start_redis() {
    export SECKILL_REDIS=unix:$scratch/redis.sock
    "$redis" --port 0 --unixsocket "$scratch/redis.sock" --dir "$scratch" --save "" >"$scratch/redis.log" 2>&1 &
    redis_pid=$!
    pids+=("$redis_pid")
    expect 0 "$ctl" item list s --timeout 10s
    [[ -e $scratch/keys ]] || "$ctl" keys new --out "$scratch/keys" >/dev/null
}

redis_cli() {
    "${redis%-server}-cli" -s "$scratch/redis.sock" "$@"
}

# start_listening NAME COMMAND...: a program that says on its stdout where it listens: $line; $began is its process
start_listening() {
    local name=$1
    shift
    rm -f "$scratch/$name.ready"
    mkfifo "$scratch/$name.ready"
    "$@" >"$scratch/$name.ready" 2>"$scratch/$name.log" &
    began=$!
    pids+=("$began")
    exec {ready}<"$scratch/$name.ready"
    read -r -t 30 line <&"$ready" || fail "$name does not listen: $(cat "$scratch/$name.log")"
    exec {ready}<&-
}

# start_front NUMBER OPTIONS...: fronts[NUMBER] is its address, front_pids[NUMBER] its process
fronts=() front_pids=() status="" body=""
start_front() {
    local number=$1
    shift
    start_listening "front$number" "$front" --redis "$SECKILL_REDIS" --listen "${fronts[number]:-127.0.0.1:0}" \
        --keys "$scratch/keys" --loops 1 --user-limit none --trust-address-header X-Real-IP "$@"
    fronts[number]=${line#listening on }
    front_pids[number]=$began
}

# start_edge OPTIONS...: $url, $private, $edge_pid
start_edge() {
    local each with=()
    for each in "${fronts[@]}"; do
        with+=(--front "$each")
    done
    start_listening edge "${preload[@]}" "$edge/run" "${with[@]}" --keys "$scratch/keys" --library "$library" \
        --redis "$SECKILL_REDIS" --workers 2 "$@"
    edge_pid=$began
    [[ $line =~ ^listening\ on\ (.*),\ private\ on\ (.*)$ ]] || fail "the edge says: $line"
    url=${BASH_REMATCH[1]} private=${BASH_REMATCH[2]}
}

# end PROCESS: by TERM, and waits for it
end() {
    local code=0
    kill "$1"
    wait "$1" || code=$?
    ((code == 0)) || fail "process $1 ended with $code"
}

# ask OPTIONS OF CURL...: $status and $body
ask() {
    local said
    said=$(curl -sS -k -m 15 --path-as-is -w '\n%{http_code}' -D "$scratch/header" "$@") || said=$'\n000'
    status=${said##*$'\n'} body=${said%$'\n'*}
}

# session USER: prints a token
session() {
    "$ctl" session "$1" --keys "$scratch/keys"
}

# request SERVER ITEM SESSION BODY
request() {
    ask "$1/v1/activities/s/items/$2/requests" -H "Authorization: Bearer $3" -H "Content-Type: application/json" \
        -H "X-Real-IP: 127.0.0.1" -d "$4"
}

# answers STATUS CODE: the last answer was this problem
answers() {
    [[ $status == "$1" && $(jq -r .code <<<"$body") == "$2" ]] || fail "wanted $1 $2, and it is $status $body"
}

# until COMMAND...: until it is true, for 20 s
until_true() {
    local since=$SECONDS
    until "$@"; do
        ((SECONDS - since < 20)) || fail "in vain: $*; $status $body"
        sleep 0.02
    done
}

# front_requests: how many all fronts have answered, by their own count
front_requests() {
    local each
    for each in "${fronts[@]}"; do
        curl -sS "http://$each/metrics"
    done | awk '/^seckill_front_requests_total/ && !/route="\/(metrics|healthz)"/ { n += $2 } END { print n + 0 }'
}

# count NAME: of the edge's own metrics, over all labels
count() {
    curl -sS "$private/edge/metrics" | awk -v name="$1" '$1 == name || index($1, name "{") == 1 { n += $2 } END { print n + 0 }'
}
