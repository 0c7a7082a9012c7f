#!/usr/bin/env bash
# This release and the one before it at work on the same sale: each in a front and in a worker, on one Redis and one orders database,
# and in the middle of it each is replaced by the other, as in an upgrade and in its rollback. While they sell, every unit is
# accounted for; in the end the programs of both say that all adds up.
set -euo pipefail
# shellcheck source=tests/integration/demo_common.sh
source "$(dirname "${BASH_SOURCE[0]}")/../integration/demo_common.sh"
# shellcheck source=tests/package/previous.sh
source "$(dirname "${BASH_SOURCE[0]}")/previous.sh"

# ---- programs of either: RELEASE is old or new

# program RELEASE NAME: front, worker or ctl
program() {
    local folder=$SECKILL_BUILD_DIR
    [[ $1 == new ]] || folder=$previous
    echo "$folder/examples/$2/seckill-$2"
}

# ctl_of RELEASE WORDS...
ctl_of() {
    "$(program "$1" ctl)" --timeout 10s "${@:2}"
}

declare -A running=() # by place: the process there

# run_front PLACE RELEASE: at the place's own address, which its successor takes over
run_front() {
    local options=(--direct)
    [[ $mode == direct ]] || options=(--poll-min 20ms --poll-max 200ms --queue-multiple 0 --queue-min 100000)
    rm -f "$scratch/ready" "$scratch/$1.sock"
    mkfifo "$scratch/ready"
    "$(program "$2" front)" --listen "unix:$scratch/$1.sock" --keys "$scratch/keys" --loops 1 --ready-fd 3 "${options[@]}" \
        3>"$scratch/ready" >>"$scratch/$1.log" 2>&1 &
    running[$1]=$!
    pids+=("$!")
    read -r -t 15 <"$scratch/ready" || fail "the $2 front does not listen: $(cat "$scratch/$1.log")"
}

# run_worker PLACE RELEASE
run_worker() {
    "$(program "$2" worker)" --activity s --orders "$scratch/orders.db" --inventory "s/$mode=$units" --list-interval 50ms \
        >>"$scratch/$1.log" 2>&1 &
    running[$1]=$!
    pids+=("$!")
}

# end PLACE [PID]: as an operator ends it; it must end well
end() {
    local code=0 pid=${2:-${running[$1]}}
    kill "$pid"
    wait "$pid" || code=$?
    ((code == 0)) || fail "what ran at $1 ends with $code: $(tail -n 20 "$scratch/$1.log")"
}

# replace PLACE RELEASE: first the successor begins, then its predecessor ends
replace() {
    local before=${running[$1]}
    "run_${1%-*}" "$1" "$2"
    end "$1" "$before"
}

# ---- the sale

units=3000 crowd_size=5000

# let_in PLACE SEED: a crowd of its own, to the front there
let_in() {
    "$shoppers" --front "unix:$scratch/$1.sock" --activity s --item "$mode" --shoppers "$crowd_size" --connections 50 \
        --session-keys "$scratch/keys" --seed "$2" --never-pay 5% --cancel 10% --retry-refused 10% --pay-after 4s \
        --report "$scratch/$1.json" >"$scratch/$1.txt" 2>&1 &
    running[crowd-$1]=$!
    pids+=("$!")
}

sold() {
    ctl_of new stock get "s/$mode" --field total.sold
}

still_selling() {
    kill -0 "${running[crowd-front-a]}" 2>/dev/null || kill -0 "${running[crowd-front-b]}" 2>/dev/null
}

# reconcile_until UNITS: again and again, until so many are sold or both crowds are gone
reconcile_until() {
    while (($(sold) < $1)) && still_selling; do
        expect 0 ctl_of new reconcile "s/$mode" --orders "$scratch/orders.db"
        reconciled=$((reconciled + 1))
    done
}

# reported PLACE NAME
reported() {
    sed -n 's/^  "'"$2"'": \([0-9]*\),\{0,1\}$/\1/p' "$scratch/$1.json"
}

# see_off PLACE: its crowd has seen nothing that cannot be
see_off() {
    wait "${running[crowd-$1]}" || fail "the shoppers at $1 end with $?: $(cat "$scratch/$1.txt")"
    (($(reported "$1" finished) == crowd_size)) || fail "at $1 $(reported "$1" finished) finished"
    ordered=$((ordered + $(reported "$1" ordered)))
}

# exchange_tokens FROM TO: what one release issues the other takes
exchange_tokens() {
    ctl_of "$1" session "of-$1" --field token >"$scratch/token"
    expect 0 ctl_of "$2" token verify "$(<"$scratch/token")"
    ctl_of "$1" reserve "s/$mode" "of-$1" --request "$1" --field token >"$scratch/token"
    expect 0 ctl_of "$2" token verify "$(<"$scratch/token")"
    expect 0 ctl_of "$2" confirm "s/$mode" --token "$(<"$scratch/token")" --order-ref "of-$1"
    ordered=$((ordered + 1))
}

# sell MODE
sell() {
    mode=$1 ordered=0 reconciled=0
    echo "${mode^}: old and new beside each other."
    expect 0 ctl_of old item define "s/$mode" --shards 4 --hold 8s --limit 1
    expect 0 ctl_of old stock load "s/$mode" "$units" --operation load
    run_front front-a old
    run_front front-b new
    run_worker worker-a old
    run_worker worker-b new
    exchange_tokens old new
    exchange_tokens new old
    let_in front-a 1
    let_in front-b 2
    reconcile_until $((units / 5))
    echo "  $(sold) sold; the old ones are replaced by new ones."
    replace front-a new
    replace worker-a new
    reconcile_until $((units * 2 / 5))
    echo "  $(sold) sold; back: new ones are replaced by old ones."
    replace front-b old
    replace worker-b old
    replace front-a old
    still_selling || fail "the crowd was gone before all were replaced"
    see_off front-a
    see_off front-b
    prove
    for place in front-a front-b worker-a worker-b; do
        end "$place"
    done
}

# What both releases say of it in the end.
prove() {
    local release
    for release in old new; do
        expect 0 ctl_of "$release" account "s/$mode" --orders "$scratch/orders.db" --wait 30s --seen-orders "$ordered"
    done
    expect 0 ctl_of new reconcile "s/$mode" --orders "$scratch/orders.db"
    (($(sold) == ordered)) || fail "$(sold) sold, $ordered ordered"
    ((ordered > units / 2)) || fail "only $ordered ordered: it was no sale"
    ((reconciled >= 3)) || fail "reconciled $reconciled times only while they sold"
    echo "  $ordered sold and ordered; reconciled $reconciled times meanwhile."
}

build_previous seckill-front seckill-worker seckill-ctl
export SECKILL_REDIS=unix:$scratch/redis.sock SECKILL_KEYS=$scratch/keys
"$redis" --port 0 --unixsocket "$scratch/redis.sock" --dir "$scratch" --save "" >"$scratch/redis.log" 2>&1 &
pids+=($!)
expect 0 ctl_of old item list s
expect 0 ctl_of old keys new --out "$scratch/keys"
sell queued
sell direct
