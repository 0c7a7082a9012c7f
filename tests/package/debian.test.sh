#!/usr/bin/env bash
# The Debian packages, made by the preset `deb`: what they hold and say, and that a new user comes to a program that works with what
# README.md tells him: they are installed into an overlay of this machine's files that is thrown away, see debian_inside.sh.
set -euo pipefail
# shellcheck source=tests/package/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

for command in dpkg-deb dpkg-shlibdeps file readelf; do
    command -v "$command" >/dev/null || skip "there is no $command"
done
scratch
cd "$SECKILL_SOURCE_DIR"

# ---- made

build=$SECKILL_BUILD_DIR/deb
rm -f "$build"/*.deb
generator=()
! command -v ninja >/dev/null || generator=(-G Ninja)
if ! { env -u DEBEMAIL cmake --preset deb -B "$build" "${generator[@]}" -DCMAKE_C_COMPILER="$SECKILL_CC" -DSECKILL_WERROR=ON &&
    cmake --build "$build" -j 2 --target package; } >"$scratch/said" 2>&1; then
    cat "$scratch/said"
    problem "the packages are not made"
    finish
fi
! grep -i 'warning' "$scratch/said" || problem "CPack is not content"

version=$(sed -nE 's/^#define SECKILL_VERSION_STRING "(.*)"/\1/p' include/seckill/base.h)
number=$(so_number VERSION) arch=$(dpkg --print-architecture)
names=("libseckill$number" libseckill-dev seckill-tools)
debs=("${names[@]/%/_${version}_$arch.deb}")
debs=("${debs[@]/#/$build/}")
for deb in "${debs[@]}"; do
    if [[ ! -e $deb ]]; then
        problem "there is no $deb, but: $(ls "$build"/*.deb)"
        finish
    fi
done

# ---- what they hold

# holds PACKAGE PATH...: as patterns of the shell
holds() {
    local path file found
    dpkg-deb -c "$build/$1"_* | awk '{ print $6 }' | sed 's/^\.//' >"$scratch/$1.files"
    for path in "${@:2}" "/usr/share/doc/$1/copyright" "/usr/share/doc/$1/changelog.gz"; do
        found=false
        while read -r file; do
            # shellcheck disable=SC2053 # it is a pattern
            [[ $file != $path ]] || found=true
        done <"$scratch/$1.files"
        $found || problem "$1 has no $path"
    done
}

lib=/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)
headers=(include/seckill/*.h)
holds "libseckill$number" "$lib/libseckill.so.$number" "$lib/libseckill.so.$number.*"
holds libseckill-dev "${headers[@]/#//usr/}" "$lib/libseckill.a" "$lib/libseckill.so" "$lib/pkgconfig/libseckill.pc" \
    "$lib/cmake/seckill/seckill-config.cmake" "$lib/cmake/seckill/seckill-config-version.cmake" /usr/share/man/man3/seckill_reserve.3.gz
holds seckill-tools /usr/bin/seckill-{ctl,front,worker} /usr/share/seckill/{README.md,edge/run,edge/lua/seckill/edge.lua} \
    '/usr/share/man/man1/seckill-*.1.gz' "/usr/share/seckill/ops/seckill-front@.service" /usr/share/seckill/ops/users.acl
! grep -vE "^(/usr/|$lib/|$lib/libseckill\.so\..*|/usr/lib/|/usr/share/(doc|lintian)?(/.*)?)$" "$scratch/libseckill$number.files" ||
    problem "libseckill$number has more than the library"
if sort "$scratch"/*.files | grep -v '/$' | uniq -d | grep .; then
    problem "two packages have the same file"
fi

# ---- what they are

mkdir "$scratch/root"
for deb in "${debs[@]}"; do
    dpkg-deb -x "$deb" "$scratch/root"
    dpkg-deb -e "$deb" "$scratch/$(dpkg-deb -f "$deb" Package)"
done
while IFS= read -r -d '' file; do
    if readelf -d "$file" 2>/dev/null | grep -E '(RPATH|RUNPATH)'; then
        problem "$file looks for libraries in a place of its own"
    fi
    if file "$file" | grep 'not stripped'; then
        problem "$file is not stripped"
    fi
done < <(find "$scratch/root" -type f \( -perm /111 -o -name '*.so.*' \) -print0)
! grep -rl /usr/local/bin "$scratch/root/usr/share/seckill/ops" || problem "the units start what is not in the package"
! grep -rlF -e "$SECKILL_SOURCE_DIR" -e "$build" "$scratch/root" || problem "the files above name the place where they were built"

# says PACKAGE FIELD PATTERN
says() {
    [[ $(dpkg-deb -f "$build/$1"_* "$2") =~ $3 ]] || problem "$1: $2 is '$(dpkg-deb -f "$build/$1"_* "$2")', not $3"
}

for name in "${names[@]}"; do
    says "$name" Source '^libseckill$'
    says "$name" Maintainer '^libseckill developers <[a-z@.]+>$'
    (cd "$scratch/root" && md5sum --quiet -c "$scratch/$name/md5sums") || problem "$name: its md5sums are wrong"
done
says "libseckill$number" Depends 'libc6 .*libhiredis.*libsodium.*libuv1'
says "libseckill$number" Section '^libs$'
says libseckill-dev Depends "^libseckill$number \(= $version\).*libhiredis-dev.*libuv1-dev.*libsodium-dev"
says libseckill-dev Section '^libdevel$'
says seckill-tools Depends "^libseckill$number \(= $version\).*libjansson4"
[[ $(<"$scratch/libseckill$number/shlibs") == "libseckill $number libseckill$number (>= $version)" ]] || problem "shlibs is wrong"
grep -qx 'activate-noawait ldconfig' "$scratch/libseckill$number/triggers" || problem "ldconfig is not triggered"

if command -v lintian >/dev/null; then
    lintian --fail-on error,warning "${debs[@]}" >"$scratch/said" 2>/dev/null || problem "lintian: $(cat "$scratch/said")"
else
    echo "not looked at: there is no lintian"
fi

# ---- as a new user

# not_here REASON: they cannot be installed here, which is no fault of theirs
not_here() {
    ((problems > 0)) || skip "the packages are right, but they cannot be installed here: $1"
    finish
}

((EUID == 0)) || not_here "only root can"
command -v ip >/dev/null || not_here "there is no ip"
command -v redis-server valkey-server >/dev/null || not_here "there is no Redis"
mkdir "$scratch/overlay"
# shellcheck disable=SC2016 # the inner shell expands it
unshare -m sh -c 'mount -t tmpfs none "$1" && cd "$1" && mkdir u w m && mount -t overlay none -o lowerdir=/,upperdir=u,workdir=w m' \
    sh "$scratch/overlay" 2>"$scratch/said" ||
    not_here "no overlay can be mounted: $(cat "$scratch/said")"
# With processes, a network and mounts of its own, all of which end with it.
unshare -m -p -f -n --kill-child bash "$SECKILL_SOURCE_DIR/tests/package/debian_inside.sh" "$scratch/overlay" "${debs[@]}" ||
    problem "a new user does not come to a program that works"
finish
