#!/usr/bin/env bash
# Installs into one prefix, then moves it: the installation must work wherever it lies.
set -euo pipefail
# shellcheck source=tests/package/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

first=$SECKILL_BUILD_DIR/installed-first
rm -rf "$first" "$prefix"
cmake --install "$SECKILL_BUILD_DIR" --prefix "$first"
mv "$first" "$prefix"
find_libdir

for header in "$SECKILL_SOURCE_DIR"/include/seckill/*.h; do
    cmp "$header" "$prefix/include/seckill/$(basename "$header")" || problem "$(basename "$header") is not installed"
done
so=libseckill.so.$(so_number VERSION)
for file in libseckill.a libseckill.so "$so" "$so.$(so_number REVISION)" pkgconfig/libseckill.pc \
    cmake/seckill/seckill-config.cmake cmake/seckill/seckill-config-version.cmake; do
    [[ -e $libdir/$file ]] || problem "$file is not installed"
done

# Components: each file is in one, and those that are packaged have what they are for.
scratch
of_components=()
for component in runtime development tools examples; do
    DESTDIR=$scratch/$component cmake --install "$SECKILL_BUILD_DIR" --prefix /there --component "$component" >/dev/null
    of_components+=("$scratch/$component/there")
done
# files FOLDER...: what is in them, by their paths from there
files() {
    find "$@" \( -type f -o -type l \) -printf '%P\n' 2>/dev/null | sort
}
diff <(files "$prefix") <(files "${of_components[@]}") || problem "the components together are not what is installed without one"
[[ $(files "$scratch/runtime" | grep -v '/libseckill\.so\.') == "" ]] || problem "runtime: $(files "$scratch/runtime")"
if [[ -d $scratch/tools ]]; then
    for program in ctl front worker; do
        [[ -x $scratch/tools/there/bin/seckill-$program ]] || problem "seckill-$program is not among the tools"
    done
fi

if grep -rlF -e "$first" -e "$SECKILL_SOURCE_DIR/" "$libdir/pkgconfig" "$libdir/cmake"; then
    problem "the files above name the place where they were built"
fi
finish
