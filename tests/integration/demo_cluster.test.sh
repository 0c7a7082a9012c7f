#!/usr/bin/env bash
# The demo on a Redis Cluster: a master is killed in the middle of each sale, and it adds up all the same.
set -euo pipefail
# shellcheck source=tests/integration/demo_common.sh
source "$(dirname "${BASH_SOURCE[0]}")/demo_common.sh"

if ! command -v valkey-cli >/dev/null && ! command -v redis-cli >/dev/null; then
    echo "skipped: there is no redis-cli"
    exit 77
fi

started=$SECONDS
expect 0 "$demo" --programs "$SECKILL_BUILD_DIR" --cluster --shoppers 4000 --units 2000 --hold 4s
took=$((SECONDS - started))
says "It all adds up"
(($(grep -cF "All that the shoppers saw is consistent" "$scratch/output") == 2)) || fail "not both sales are consistent"
(($(grep -cF "has been killed" "$scratch/output") == 2)) || fail "not in each sale a master was killed"
(($(grep -cF "the killed server is back, as its replica" "$scratch/output") == 2)) || fail "not each of them came back"
nothing_left

# Of each sale.
for mode in Queued Direct; do
    story=$(sed -n "/^$mode: The master at port/,/^\$/p" "$scratch/output" | tr '\n' ' ')
    [[ $story =~ after\ the\ first\ shoppers\ came.*\ ([0-9,]+)\ units\ had\ been\ granted\ there\ before,\ ([0-9,]+)\ were ]] ||
        fail "it does not say what happened: $story"
    before=${BASH_REMATCH[1]//,/} after=${BASH_REMATCH[2]//,/}
    ((before > 0 && after > 0)) || fail "$mode: the master was not killed in the middle of the sale: $before before, $after after"
    [[ $story == *"Nothing that was acknowledged was lost"* ]] || fail "$mode: something was lost: $story"
done
mapfile -t repeated < <(sed -n 's/^repeated  *\([0-9,]*\) .*/\1/p' "$scratch/output")
[[ ${#repeated[@]} == 2 && ${repeated[0]} != 0 && ${repeated[1]} != 0 ]] || fail "nobody had to ask again: ${repeated[*]}"
echo "It took $took s."
