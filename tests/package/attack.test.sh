#!/usr/bin/env bash
# bench/attack: honest shoppers get everything and abusers nothing; a front that lets some abusers in is found out; whatever ends
# it, nothing is left behind. How fast anything is, is not judged.
set -euo pipefail
# shellcheck source=tests/package/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

! grep -q '^SECKILL_SANITIZE:[A-Z]*=.' "$SECKILL_BUILD_DIR/CMakeCache.txt" || skip "sanitizers take more memory than there may be"

scratch
cd "$SECKILL_SOURCE_DIR"
mkdir "$scratch/tmp"

# attack: its exit code in $code, its words in $scratch/out and $scratch/said
attack() {
    code=0
    TMPDIR=$scratch/tmp bench/attack --quick --programs "$SECKILL_BUILD_DIR" >"$scratch/out" 2>"$scratch/said" || code=$?
}

# nothing_left WHEN: no file, no process
nothing_left() {
    [[ -z $(ls -A "$scratch/tmp") ]] || problem "bench/attack left something in its folder $1: $(find "$scratch/tmp")"
    ! pgrep -af "$scratch/tmp" || problem "bench/attack left a process $1"
}

# ---- as it should be

attack
((code == 0)) || problem "bench/attack ended with $code: $(cat "$scratch/out" "$scratch/said")"
grep -q '^Honest shoppers got all units' "$scratch/out" || problem "bench/attack does not say how it went"
for words in 'listed users .* 403 blacklisted: ' 'too fast: a few users .* 429 rate_limited: ' 'stolen captchas, .* 403 captcha_used: ' \
    'stolen reservations: orders .* 403 not_yours: ' 'slow bodies .* 408 request_timeout: ' 'idle .* 429 too_many_connections: ' \
    'too many: .* 409 sold_out: ' 'overload: 10\.[0-9]* requests ' 'captcha  .*[0-9]' 'order  .*[0-9]' 'seckill-front  .*[0-9]'; do
    grep -q "^$words" "$scratch/out" || problem "bench/attack's tables have no line like: $words"
done
nothing_left "at its end"

# ---- a front that takes what has expired

printf '#!/bin/sh\nexec "%s" "$@" --leeway 1h\n' "$SECKILL_BUILD_DIR/examples/front/seckill-front" >"$scratch/front"
chmod +x "$scratch/front"
SECKILL_FRONT=$scratch/front attack
((code == 1)) || problem "bench/attack ended with $code where abusers get units"
grep -q 'NOT EXPECTED: expired sessions was answered 202 queued' "$scratch/said" || problem "it does not say that they queued"
grep -q 'NOT EXPECTED: abuser-.*, who is no honest shopper, has ' "$scratch/said" || problem "it does not say that they got units"
nothing_left "after a failure"

# ---- ended in the middle

TMPDIR=$scratch/tmp bench/attack --quick --programs "$SECKILL_BUILD_DIR" >"$scratch/out" 2>"$scratch/said" &
ours=$!
until grep -q ': attack: ' "$scratch/said" || ! kill -0 "$ours"; do
    sleep 0.05
done
kill -s TERM "$ours"
code=0
wait "$ours" || code=$?
((code == 143)) || problem "bench/attack ended with $code where it was told to end"
nothing_left "when it was told to end"

code=0
bench/attack --no-such-option 2>/dev/null || code=$?
((code == 2)) || problem "bench/attack ended with $code for an option that there is not"
finish
