#!/usr/bin/env bash
# Called by debian.test.sh in namespaces of its own: debian_inside.sh FOLDER PACKAGE.deb...
# Installs the packages into an overlay of this machine's files, does there as somebody else what README.md says, and removes them.
set -euo pipefail
# shellcheck source=tests/package/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

folder=$1
shift
mount -t tmpfs none "$folder"
cd "$folder"
mkdir upper work root
mount -t overlay none -o lowerdir=/,upperdir=upper,workdir=work root
mount -t proc none root/proc
mount --rbind /dev root/dev
ip link set lo up

fail() {
    echo "$1" >&2
    exit 1
}

# here COMMAND...: as root, there
here() {
    chroot root env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}

# user TEXT: a line of README.md, as nobody, in the empty folder
user() {
    echo "\$ $1"
    chroot --userspec=65534:65534 --groups=65534 root env -i PATH=/usr/bin:/bin LANG=C.UTF-8 HOME=/new bash -ec "cd; $1" ||
        fail "README.md's line fails"
}

# ---- installed

# One that was built here is not to be found in place of the packages'.
find root/usr/local -name '*seckill*' -prune -exec rm -rf {} +
rm -f root/var/lib/man-db/auto-update # what makes each dpkg write the index of all manual pages anew
mkdir root/packages root/new
cp "$@" root/packages
cp "$SECKILL_SOURCE_DIR/README.md" root/new
chown 65534:65534 root/new
here dpkg --force-unsafe-io -i "${@/#*\///packages/}"
library=$(here ldconfig -p | sed -n 's/.*libseckill\.so\.[0-9]* .*=> //p')
[[ $library == */"$(dpkg-architecture -qDEB_HOST_MULTIARCH)"/* ]] || fail "the loader finds '$library'"
here dpkg --verify libseckill-dev seckill-tools

# ---- README.md, in an empty folder

# lines BEGINNING: those that begin so
lines() {
    sed -n "s/^    \($1.*\)/\1/p" root/new/README.md
}

server=$(command -v redis-server || command -v valkey-server)
chroot --userspec=65534:65534 root "$server" --port 6379 --bind 127.0.0.1 --save "" --dir /new >redis.log 2>&1 &
# A line of what Redis says, and so an event: from then on it answers.
until grep -q 'eady to accept connections' redis.log; do
    kill -0 $! || fail "Redis does not start: $(cat redis.log)"
    sleep 0.02
done

# works PROGRAM shared|static: it sells a unit of a new item, and is linked so
works() {
    local line linked=static
    user "${server%-server}-cli flushall"
    while read -r line; do
        user "$line"
    done < <(lines 'seckill-ctl \(item define\|stock load\)')
    user "./$1 | tee output"
    [[ $(cut -d ' ' -f 1 root/new/output | paste -sd ' ') == "reserve: token: confirm:" ]] || fail "it says something else"
    grep -qx 'token: v4\.local\.[A-Za-z0-9_.-]*' root/new/output || fail "it has no token"
    grep -qx 'confirm: ok' root/new/output || fail "it is not confirmed"
    here ldd "/new/$1" >linked
    ! grep -F libseckill linked || linked=shared
    [[ $linked == "$2" ]] || fail "$1 is linked with the $linked library"
    [[ $linked == static ]] || grep -qF " $library " linked || fail "$1 is not linked with the packages' library, $library"
}

[[ $(here pkg-config --libs libseckill) =~ ^-lseckill\ *$ ]] || fail "pkg-config says more than it has to"
first_block c root/new/README.md >root/new/program.c
[[ -s root/new/program.c ]] || fail "README.md has no program"
compiled=0
while read -r line; do
    user "$line"
    if [[ $line == *--static* ]]; then
        works program static
    else
        works program shared
    fi
    compiled=$((compiled + 1))
done < <(lines 'cc program\.c')
((compiled == 2)) || fail "README.md has $compiled lines that compile it"

first_block cmake root/new/README.md >root/new/CMakeLists.txt
line=$(lines 'cmake -S \. -B build')
[[ -n $line && -s root/new/CMakeLists.txt ]] || fail "README.md does not say how it is built with CMake"
user "$line"
works build/program shared
user 'seckill-front --version; seckill-worker --version; seckill-ctl --version'

# ---- removed

names=("${@##*/}")
here dpkg --force-unsafe-io --purge "${names[@]%%_*}"
rm -rf root/new root/packages
left=$(find upper \( -type f -o -type l \) -printf '%P\n' |
    grep -vE '^(var/(lib/(dpkg|man-db)|cache/(ldconfig|man|debconf)|log)/|etc/ld\.so\.cache$)' || true)
[[ -z $left ]] || fail "they leave behind: $left"
[[ -z $(find upper/var/lib/dpkg/info -name '*seckill*' -type f) ]] || fail "dpkg knows more of them"
