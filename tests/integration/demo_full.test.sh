#!/usr/bin/env bash
# The demo as it is run without options, and on a cluster: it adds up, in no more time than it promises.
set -euo pipefail
if [[ -z ${SECKILL_TESTS_FULL:-} ]]; then
    echo "skipped: SECKILL_TESTS_FULL is not set"
    exit 77
fi
# shellcheck source=tests/integration/demo_common.sh
source "$(dirname "${BASH_SOURCE[0]}")/demo_common.sh"

# promised OPTION...
promised() {
    local started=$SECONDS took
    expect 0 "$demo" --programs "$SECKILL_BUILD_DIR" "$@"
    took=$((SECONDS - started))
    says "It all adds up"
    nothing_left
    ((took < 60)) || fail "it took $took s, wanted less than a minute"
}

promised
if command -v valkey-cli >/dev/null || command -v redis-cli >/dev/null; then
    promised --cluster
fi
