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
says "All that the shoppers saw is consistent"
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

echo "It notices units that real inventory does not have."
expect 1 "${small[@]}" --tamper "'$ctl' stock load demo/phone 7 --operation conjured"
says "VIOLATED"

echo "It notices an order that no shopper saw."
expect 1 "${small[@]}" --tamper "'$ctl' stock load demo/phone 40 --operation more && '$ctl' reserve demo/phone thief --request t && '$ctl' confirm demo/phone --user thief --request t"
says "VIOLATED"
nothing_left
