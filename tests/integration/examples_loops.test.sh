#!/usr/bin/env bash
# seckill-threads and seckill-libevent: short programs on a pool of threads and on a loop that is not ours.
set -euo pipefail
# shellcheck source=tests/integration/demo_common.sh
source "$(dirname "${BASH_SOURCE[0]}")/demo_common.sh"

threads=$SECKILL_BUILD_DIR/examples/threads/seckill-threads
libevent=$SECKILL_BUILD_DIR/examples/libevent/seckill-libevent
export SECKILL_REDIS=unix:$scratch/redis.sock
"$redis" --port 0 --unixsocket "$scratch/redis.sock" --dir "$scratch" --save "" >"$scratch/redis.log" 2>&1 &
server=$!
pids+=("$server")
expect 0 "$ctl" item list 618 --timeout 10s

# ---- threads

expect 1 "$threads" 618 phone 10
says "0 sold, 0 refused, 10 failed"
expect 0 "$ctl" item define 618/phone --price 99900 --limit 1
expect 0 "$ctl" stock load 618/phone 300 --operation first-load
expect 0 "$threads" 618 phone 1000
says "300 sold, 700 refused, 0 failed"
expect 0 "$threads" 618 phone 1000 3 # the same shoppers, the same requests
says "300 sold, 700 refused, 0 failed"
[[ $("$ctl" stock get 618/phone --field total.sold) == 300 ]] || fail "not 300 units are sold"
[[ $("$ctl" stock get 618/phone --field total.available) == 0 ]] || fail "units are left"
expect 1 "$threads" 618 "no item" 10
says "invalid: "
for wrong in "" "618 phone" "618 phone 0" "618 phone 10 0" "618 phone 10 2000" "618 phone 10 4 more"; do
    # shellcheck disable=SC2086 # several words
    expect 2 "$threads" $wrong
    says "usage: "
done

# ---- libevent

if [[ ! -x $libevent ]]; then
    echo "there is no $libevent: it is left out"
    exit 0
fi
expect 0 "$ctl" item define 618/pad --price 49900 --limit 1
expect 0 "$ctl" stock load 618/pad 4 --operation first-load
expect 0 "$libevent" 618 pad request-1 ann bob eve
[[ $(grep -c '^ok: ' "$scratch/output") == 3 ]] || fail "not all three were told"
expect 0 "$libevent" 618 pad request-1 ann bob eve
[[ $("$ctl" stock get 618/pad --field total.reserved) == 3 ]] || fail "not three units are reserved"
expect 1 "$libevent" 618 pad request-2 ann joe
says "limit_reached: "
says "ok: "
expect 1 "$libevent" 618 pad request-1 may
says "sold_out: "
expect 1 "$libevent" 618 "no item" request-1 ann
says "invalid: "
expect 2 "$libevent" 618 pad request-1
says "usage: "

# Ctrl-C while the server stands still: who waits is told, and it ends.
kill -STOP "$server"
until [[ $(ps -o state= -p "$server") == T ]]; do sleep 0.01; done
"$libevent" 618 pad request-3 ann bob >"$scratch/output" 2>&1 &
waiting=$!
pids+=("$waiting")
# Its handler stands as soon as its loop runs: from then on SIGINT is caught.
until (($(sed -n 's/^SigCgt:\t//p' "/proc/$waiting/status" | sed 's/^/0x/') & 2)); do sleep 0.01; done
kill -INT "$waiting"
code=0
wait "$waiting" || code=$?
kill -CONT "$server"
((code == 1)) || fail "it ended with $code"
[[ $(grep -cE '^(closed|unknown): ' "$scratch/output") == 2 ]] || fail "not both were told"
