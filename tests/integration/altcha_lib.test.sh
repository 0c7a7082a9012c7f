#!/usr/bin/env bash
# The front's captcha against a foreign implementation, the npm package altcha-lib, in both directions.
#
# SPDX-License-Identifier: MIT
#
# The package is kept in a cache outside the source tree. Exit code 77: no Node 20 or npm, or the package cannot be had.
set -euo pipefail
# shellcheck source=tests/integration/demo_common.sh
source "$(dirname "${BASH_SOURCE[0]}")/demo_common.sh"

version=2.8.0
here=$SECKILL_SOURCE_DIR/tests/integration
cache=${XDG_CACHE_HOME:-$HOME/.cache}/seckill-tests/altcha-lib-$version

skip() {
    echo "skipped: $*"
    exit 77
}

command -v node >/dev/null || skip "node is not installed"
command -v npm >/dev/null || skip "npm is not installed"
major=$(node -p 'process.versions.node.split(".")[0]')
((major >= 20)) || skip "node is older than 20"

# Installed beside and moved into place, so that a run that is interrupted leaves nothing half done behind.
if [[ ! -d $cache ]]; then
    mkdir -p "$(dirname "$cache")"
    fresh=$(mktemp -d "$cache.XXXXXX")
    if ! npm install --prefix "$fresh" --no-audit --no-fund --silent "altcha-lib@$version" >&2; then
        rm -rf "$fresh"
        skip "npm cannot install altcha-lib"
    fi
    mv -T "$fresh" "$cache" 2>/dev/null || [[ -d $cache ]]
fi

export SECKILL_REDIS=unix:$scratch/redis.sock
"$redis" --port 0 --unixsocket "$scratch/redis.sock" --dir "$scratch" --save "" >"$scratch/redis.log" 2>&1 &
pids+=($!)
expect 0 "$ctl" item list s --timeout 10s
expect 0 "$ctl" item define s/one --shards 4 --hold 1m --limit 10
expect 0 "$ctl" stock load s/one 400 --operation load
"$ctl" keys new --out "$scratch/keys"
"$ctl" keys captcha --out "$scratch/captcha"

mkfifo "$scratch/ready"
"$front" --redis "$SECKILL_REDIS" --listen 127.0.0.1:0 --keys "$scratch/keys" --loops 1 --ready-fd 3 --direct --no-blacklist \
    --captcha altcha --captcha-key "$scratch/captcha" --captcha-difficulty 2000 \
    3>"$scratch/ready" >"$scratch/front.log" 2>&1 &
pids+=($!)
line=""
read -r -t 15 line <"$scratch/ready" || fail "the front does not listen: $(cat "$scratch/front.log")"

node "$here/altcha_lib.mjs" "$cache/node_modules/altcha-lib/dist/esm/v1/index.js" "http://${line#listening on }" \
    "$("$ctl" session ann --keys "$scratch/keys")" "$scratch/captcha"
