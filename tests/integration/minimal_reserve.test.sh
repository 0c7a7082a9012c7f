#!/usr/bin/env bash
# seckill-minimal: it reserves a unit, finds it again under the same request id, and says by its exit code how it went.
set -euo pipefail
# shellcheck source=tests/integration/demo_common.sh
source "$(dirname "${BASH_SOURCE[0]}")/demo_common.sh"

minimal=$SECKILL_BUILD_DIR/examples/minimal/seckill-minimal
export SECKILL_REDIS=unix:$scratch/redis.sock
"$redis" --port 0 --unixsocket "$scratch/redis.sock" --dir "$scratch" --save "" >"$scratch/redis.log" 2>&1 &
pids+=($!)
expect 0 "$ctl" item list 618 --timeout 10s

expect 1 "$minimal" 618 phone ann request-1
says "not_defined: "
expect 0 "$ctl" item define 618/phone --price 99900 --limit 1
expect 0 "$ctl" stock load 618/phone 100 --operation first-load

expect 0 "$minimal" 618 phone ann request-1
says "1 unit(s) at 99900 each"
! grep -q "granted to this request before" "$scratch/output" || fail "the first request is said to be a repetition"
expect 0 "$minimal" 618 phone ann request-1
says "1 unit(s) at 99900 each, granted to this request before"
expect 1 "$minimal" 618 phone ann request-2
says "limit_reached: "
[[ $("$ctl" stock get 618/phone --field total.reserved) == 1 ]] || fail "not one unit is reserved"

expect 1 "$minimal" 618 "no item" ann request-1
says "invalid: "
SECKILL_REDIS=unix:$scratch/nowhere expect 1 "$minimal" 618 phone ann request-1
says "ask again in "
expect 2 "$minimal"
expect 2 "$minimal" 618 phone ann
expect 2 "$minimal" 618 phone ann request-1 more
says "usage: "
