#!/usr/bin/env bash
# Our tokens against a foreign implementation, the npm package paseto-ts, in both directions.
#
#   paseto_ts.test.sh BUILD_DIR
#
# SPDX-License-Identifier: MIT
#
# The package is kept in a cache outside the source tree. Exit code 77: no Node 20 or npm, or the package cannot be had.
set -euo pipefail

version=2.0.7
here=$(cd "$(dirname "$0")" && pwd)
program=$1/tests/integration/paseto_interop
cache=${XDG_CACHE_HOME:-$HOME/.cache}/seckill-tests/paseto-ts-$version

skip() {
    echo "skipped: $*"
    exit 77
}

command -v node >/dev/null || skip "node is not installed"
command -v npm >/dev/null || skip "npm is not installed"
major=$(node -p 'process.versions.node.split(".")[0]')
((major >= 20)) || skip "node is older than 20"
[[ -x $program ]] || {
    echo "$program is not built" >&2
    exit 1
}

# Installed beside and moved into place, so that a run that is interrupted leaves nothing half done behind.
if [[ ! -d $cache ]]; then
    mkdir -p "$(dirname "$cache")"
    fresh=$(mktemp -d "$cache.XXXXXX")
    trap 'rm -rf "$fresh"' EXIT
    npm install --prefix "$fresh" --no-audit --no-fund --silent "paseto-ts@$version" >&2 || skip "npm cannot install paseto-ts"
    mv -T "$fresh" "$cache" 2>/dev/null || [[ -d $cache ]]
fi

node "$here/paseto_ts.mjs" "$program" "$cache/node_modules/paseto-ts/dist/v4/index.js"
