#!/usr/bin/env bash
# What stands in examples/ops is right: the units are units, and harden; programs have the options that they are given; logins have the
# rights that preflight looks at, and no others; and examples/README.md names only what there is.
set -euo pipefail
# shellcheck source=tests/package/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

scratch
cd "$SECKILL_SOURCE_DIR/examples"

# ---- options

# options_in: words that begin with -- in standard input, without comments
options_in() {
    grep -v '^ *#' | grep -oE -e '(^|[ "`])--[a-z][a-z-]*' | grep -oE -e '--.*' | sort -u
}

for name in front worker; do
    program=$SECKILL_BUILD_DIR/examples/$name/seckill-$name
    [[ -x $program ]] || skip "there is no $program"
    "$program" --help | grep -oE -e '--[a-z][a-z-]*' | sort -u >"$scratch/has"
    { grep '^ExecStart=' "ops/seckill-$name@.service" && grep "^${name^^}_OPTIONS=" ops/seckill.env; } | options_in >"$scratch/given"
    (($(wc -l <"$scratch/given") > 4)) || problem "the options of seckill-$name are not found in its unit"
    comm -23 "$scratch/given" "$scratch/has" >"$scratch/unknown"
    [[ ! -s $scratch/unknown ]] || problem "seckill-$name has no option $(paste -sd ' ' "$scratch/unknown")"
done

# duration KEY FILE: of a unit, or an option of it, in seconds
duration() {
    sed -nE "s/.*$1[= ]([0-9]+)s?( .*|$)/\1/p" "$2" | tail -n 1
}

for unit in ops/*@.service; do
    (($(duration TimeoutStopSec "$unit") > $(duration --stop-timeout "$unit"))) ||
        problem "$unit: systemd kills it before it has stopped by itself"
done

# ---- units

if command -v systemd-analyze >/dev/null; then
    for unit in ops/*.service; do
        sed -E "s|/usr/local/bin/seckill-([a-z]+)|$SECKILL_BUILD_DIR/examples/\1/seckill-\1|" "$unit" >"$scratch/${unit##*/}"
        said=$(systemd-analyze verify "$scratch/${unit##*/}" 2>&1) || true
        [[ -z $said ]] || problem "systemd-analyze verify $unit: $said"
        systemd-analyze security --offline=true --threshold=20 "$scratch/${unit##*/}" >"$scratch/said" 2>&1 ||
            problem "$unit is exposed: $(tail -n 1 "$scratch/said")"
    done
else
    echo "not looked at: there is no systemd-analyze"
fi

# ---- the user, and whose each file is

if command -v systemd-tmpfiles >/dev/null && ((EUID == 0)); then
    mkdir -p "$scratch/root/etc/seckill"
    touch "$scratch/root/etc/seckill/"{keys,front-password}
    if ! { systemd-sysusers --root="$scratch/root" "$PWD/ops/seckill.sysusers.conf" &&
        systemd-tmpfiles --root="$scratch/root" --create "$PWD/ops/seckill.tmpfiles.conf"; } >"$scratch/said" 2>&1; then
        problem "the user or its files cannot be made: $(cat "$scratch/said")"
    fi
    user=$(sed -n 's/^seckill:[^:]*:\([0-9]*\):.*/\1/p' "$scratch/root/etc/passwd")
    [[ $(stat -c '%u %a' "$scratch/root/etc/seckill/"{keys,front-password} | paste -sd ' ') == "$user 400 0 400" ]] ||
        problem "keys are not the service's, or passwords not root's: $(ls -ln "$scratch/root/etc/seckill")"
else
    echo "not looked at: there is no systemd-tmpfiles, or this is not root"
fi
# Each file that a unit or seckill.env names has an owner there.
grep -ohE '/etc/seckill/[a-z.-]+' ops/*.service ops/seckill.env | grep -v '/seckill\.env$' | sort -u | while read -r file; do
    grep -qF "$file " ops/seckill.tmpfiles.conf || echo "$file"
done >"$scratch/ownerless"
[[ ! -s $scratch/ownerless ]] || problem "ops/seckill.tmpfiles.conf does not say whose it is: $(paste -sd ' ' "$scratch/ownerless")"

# ---- logins

# allowed USER: its commands
allowed() {
    sed -n "s/^user $1 //p" ops/users.acl | tr ' ' '\n' | sed -n 's/^+//p' | sort
}

lua=../lib/script/preflight.lua
{
    sed -n '/^local COMMANDS/,/^}/p' "$lua" | grep -oE "\{ '[A-Z]+'" | grep -oE '[A-Z]+'
    printf '%s\n' TYPE WAIT ASKING 'CLUSTER|NODES'
} | tr '[:upper:]' '[:lower:]' | sort -u >"$scratch/wanted"
printf '%s\n' 'cluster|info' 'config|get' 'script|load' | sort - "$scratch/wanted" >"$scratch/wanted-operator"
for name in front worker operator; do
    wanted=$scratch/wanted
    [[ $name != operator ]] || wanted=$scratch/wanted-operator
    difference=$(diff "$wanted" <(allowed "$name")) || problem "ops/users.acl: what $name lacks (<) or has too much (>): $difference"
done

# ---- names

# Paths of links, and files of ops that are named; without what stands behind #.
while read -r path; do
    [[ -e $path ]] || problem "README.md links $path, which is not there"
done < <(grep -oE '\]\([^)#]+' README.md | cut -c 3- | grep -v '^https\{0,1\}:' | sort -u)
for file in ops/*; do
    grep -qF "($file)" README.md || problem "README.md does not say what $file is for"
done

ctest --test-dir "$SECKILL_BUILD_DIR" -N | sed -n 's/^ *Test *#[0-9]*: //p' | sort >"$scratch/tests"
# shellcheck disable=SC2016 # these are Markdown's
while read -r name; do
    # Some need what this build may not have.
    grep -qxF "$name" "$scratch/tests" || compgen -G "../tests/*/${name#*.}*" >"$scratch/said" || problem "README.md names the test $name, which is not there"
done < <(grep -oE '`(integration|package)\.[a-z_]+`' README.md | tr -d '`' | sort -u)

while read -r key; do
    [[ -d /proc/sys/${key%%.*} ]] || continue
    # Some are each network's own, and not in a container.
    [[ -e /proc/sys/${key//.//} || $key == net.* ]] || problem "ops/sysctl.conf: the kernel does not know $key"
done < <(sed -n 's/^\([a-z_.0-9]*\) *=.*/\1/p' ops/sysctl.conf)
finish
