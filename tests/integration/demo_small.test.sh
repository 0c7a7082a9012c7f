#!/usr/bin/env bash
# A small demo: it adds up, it notices when it does not, it cleans up after itself.
set -euo pipefail
# shellcheck source=tests/integration/demo_common.sh
source "$(dirname "${BASH_SOURCE[0]}")/demo_common.sh"

small=("$demo" --programs "$SECKILL_BUILD_DIR" --shoppers 2000 --units 500 --shards 4 --hold 1s --connections 50)

echo "It adds up."
cd /
expect 0 "${small[@]}"
says "It all adds up"
(($(grep -cF "All that the shoppers saw is consistent" "$scratch/output") == 2)) || fail "not both sales are consistent"
says "2,000 shoppers come for demo/phone and line up"
says "stand in the queue"
says "2,000 shoppers come for demo/tablet and are answered at once"
nothing_left

# columns NAME: of the table, with spaces that differ
columns() {
    sed -n "s/^$1  *//p" "$scratch/output" | tail -n 1
}

echo "Queued and direct stand side by side, and the queue was used."
[[ $(columns "shoppers") =~ ^2,000\ +2,000$ ]] || fail "other shoppers: $(columns shoppers)"
read -r polls none <<<"$(columns "  of them polls")"
[[ ${polls//,/} -ge 1500 && $none == 0 ]] || fail "other polls: $polls, $none"
read -r longest none <<<"$(columns "most in the queue at one time")"
[[ ${longest//,/} -ge 300 && $none == 0 ]] || fail "the queue was shorter than what it began with: $longest, $none"
[[ $(columns "decision, p50 \/ p99 ms") == *[1-9]*" / "*[1-9]*" / "*[1-9]* ]] || fail "no times until the decision"

echo "One mode, and not the other."
small_crowd=(--shoppers 300 --units 500 --hold 500ms)
expect 0 "${small[@]}" --mode queued "${small_crowd[@]}"
says "demo/phone"
! grep -q "demo/tablet" "$scratch/output" || fail "it sells directly too"
expect 0 "${small[@]}" --mode direct "${small_crowd[@]}"
says "demo/tablet"
! grep -q "demo/phone" "$scratch/output" || fail "it queues too"
nothing_left

echo "It notices a counter that was changed."
cli=$(command -v valkey-cli || command -v redis-cli || true)
if [[ -n $cli ]]; then
    change="$cli -s \"\${SECKILL_REDIS#unix:}\" hincrby \"\$('$ctl' shard of demo/phone someone --field stock_key)\" sold 1"
    expect 1 "${small[@]}" --tamper "$change"
    says "VIOLATED"
    says "It does NOT add up"
    nothing_left
fi

echo "It notices a counter of the other sale."
if [[ -n $cli ]]; then
    expect 1 "${small[@]}" --mode direct --tamper "${change//demo\/phone/demo/tablet}"
    says "VIOLATED"
    nothing_left
fi

echo "It notices units that real inventory does not have."
expect 1 "${small[@]}" --tamper "'$ctl' stock load demo/phone 7 --operation conjured"
says "VIOLATED"

echo "It notices an order that no shopper saw."
theft="'$ctl' stock load demo/phone 40 --operation more && '$ctl' reserve demo/phone thief --request t"
expect 1 "${small[@]}" --tamper "$theft && '$ctl' confirm demo/phone --user thief --request t"
says "VIOLATED"
nothing_left
