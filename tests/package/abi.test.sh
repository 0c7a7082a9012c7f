#!/usr/bin/env bash
# The binary interface of this build against that of the release before, as abidiff sees them: whoever breaks it must raise
# SECKILL_SOVERSION, whoever adds to it SECKILL_SOREVISION; see CONTRIBUTING.md.
set -euo pipefail
# shellcheck source=tests/package/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=tests/package/previous.sh
source "$(dirname "${BASH_SOURCE[0]}")/previous.sh"

scratch
headers=$SECKILL_SOURCE_DIR/include/seckill
unit=$SECKILL_SOURCE_DIR/tests/unit

# ---- every structure is one of those that base.h tells of, and stands in the tests of its kind

# structures: `NAME sized` where it has a struct_size, else `NAME plain`
structures() {
    awk '/^typedef struct \{/ { sized = "plain"; within = 1 }
        within && /^ *size_t struct_size;/ { sized = "sized" }
        within && /^} seckill_[a-z_]+;/ { sub(/;.*/, "", $2); print $2, sized; within = 0 }' "$headers"/*.h
}

while read -r name kind; do
    case $name-$kind in
    seckill_command-sized | *_result-plain | seckill_fault-plain | seckill_item_info-plain) ;; # the library makes them
    *-sized) grep -qw "$name" "$unit/test_abi_sizes.c" || problem "test_abi_sizes.c does not try other sizes of $name" ;;
    *) grep -q "($name," "$unit/test_abi.c" || problem "test_abi.c does not say what $name is laid out like" ;;
    esac
done < <(structures)
(($(structures | wc -l) > 40)) || problem "few structures were found"
! grep -nE '^ +seckill_[a-z_]+_result [a-z_]+[;[]' "$headers"/*.h || problem "a result cannot grow where it is a part of something"

# ---- two libraries

fixed=$(sed -nE 's/^ *(CLOSED|VALUE)\((seckill_[a-z_]+),.*/\2/p' "$unit/test_abi.c" | paste -sd '|')

# Only what public headers declare. (--headers-dir looks at the names of files alone, and lib/ has an item.h too.)
cat >"$scratch/private" <<'END'
[suppress_type]
    source_location_not_regexp = .*/include/seckill/[a-z_]+\.h
    drop = yes
END

# judge OLD NEW: folders with lib/libseckill.so; $verdict becomes `same`, `added` or `broken`; says why in $scratch/why
judge() {
    local code=0
    abidiff --leaf-changes-only --ignore-soname --fail-no-debug-info --suppressions "$scratch/private" "$1/lib/libseckill.so" \
        "$2/lib/libseckill.so" >"$scratch/report" 2>&1 || code=$?
    (((code & 3) == 0)) || {
        cat "$scratch/report" >&2
        problem "abidiff ends with $code"
    }
    awk -v fixed="$fixed" -f "$(dirname "${BASH_SOURCE[0]}")/abi_judge.awk" "$scratch/report" >"$scratch/why"
    verdict=same
    ((code == 0)) || verdict=added
    [[ ! -s $scratch/why ]] && (((code & 8) == 0)) || verdict=broken
}

# ---- does it judge well? Two tiny libraries, of which the second is another by a script of sed's or by an option

# library NAME SED [OPTION]
library() {
    mkdir -p "$scratch/$1/include/seckill" "$scratch/$1/lib"
    cat >"$scratch/$1/include/seckill/seckill.h" <<'END'
#include <stddef.h>
#include <stdint.h>
typedef enum { KIND_A, KIND_B } seckill_kind;
typedef struct {
    size_t struct_size;
    int first;
    seckill_kind kind;
    int last;
} seckill_options;
typedef struct {
    int64_t amount;
    uint64_t spare[2];
} seckill_ticket;
typedef struct {
    const seckill_ticket *tickets;
    size_t count;
} seckill_result;
typedef void (*seckill_cb)(const seckill_result *result);
int seckill_do(const seckill_options *options, seckill_cb cb, int how);
END
    sed -i "$2" "$scratch/$1/include/seckill/seckill.h"
    cat >"$scratch/library.c" <<'END'
#include <seckill/seckill.h>
#ifndef GONE
int seckill_other(int one);
int seckill_other(int one) { return one; }
#endif
#ifdef MORE
int seckill_more(void);
int seckill_more(void) { return 1; }
#endif
#ifndef HOW
#define HOW int
#endif
int seckill_do(const seckill_options *options, seckill_cb cb, HOW how) {
    return options != NULL && cb != NULL ? (int)how : 0;
}
END
    "$SECKILL_CC" -g -shared -fPIC "${@:3}" -I"$scratch/$1/include" -o "$scratch/$1/lib/libseckill.so" "$scratch/library.c"
}

# judged VERDICT WHAT SED [OPTION]
judged() {
    library new "$3" "${@:4}"
    judge "$scratch/old" "$scratch/new"
    [[ $verdict == "$1" ]] || problem "$2 is judged as $verdict, not $1: $(cat "$scratch/report" "$scratch/why")"
}

command -v abidiff >/dev/null || skip "there is no abidiff (abigail-tools)"
library old ''
judged same "the same" ''
judged same "another name of a field" 's/int last/int end/'
judged added "one more function" '' -DMORE
judged added "one more field of options" 's/int last;/&\n    size_t more;/'
judged added "one more field of a result" 's/size_t count;/&\n    size_t more;/'
judged added "a field from the spare room" 's/uint64_t spare.2.;/int64_t more; uint64_t spare[1];/'
judged broken "a function that is gone" '' -DGONE
judged broken "another kind of argument" 's/int how/int64_t how/' -DHOW=int64_t
judged broken "another kind of callback" 's/\*result);/*result, int more);/'
judged broken "a field in the middle" 's/int first;/&\n    size_t more;/'
judged broken "a field in the padding" 's/int last;/&\n    int more;/'
judged broken "a field that is gone" 's/int first;//'
judged broken "another kind of field" 's/int last;/unsigned last;/'
judged broken "a larger field, and one behind it" 's/int last;/int64_t last;\n    size_t more;/'
judged broken "a larger value" 's/uint64_t spare.2.;/&\n    int64_t more;/'
judged broken "other numbers of an enum" 's/KIND_A,/KIND_Z, KIND_A,/'

# ---- this release and the one before

[[ $(readelf -S "$SECKILL_BUILD_DIR/lib/libseckill.so") == *.debug_info* ]] || skip "this build has no debug information"
build_previous seckill

# numbers FOLDER: `VERSION REVISION`, as the library's file is called
numbers() {
    local version revision
    version=$(readlink "$1/lib/libseckill.so")
    revision=$(readlink "$1/lib/$version")
    echo "${version#libseckill.so.} ${revision#"$version."}"
}

read -r old_version old_revision < <(numbers "$previous")
read -r version revision < <(numbers "$SECKILL_BUILD_DIR")
[[ "$version $revision" == "$(so_number VERSION) $(so_number REVISION)" ]] ||
    problem "the library is called libseckill.so.$version.$revision, not as lib/CMakeLists.txt says"
judge "$previous" "$SECKILL_BUILD_DIR"
echo "Since $release (libseckill.so.$old_version): $verdict. Now it is libseckill.so.$version.$revision."
case $verdict in
broken)
    if [[ $version == "$old_version" ]]; then
        cat "$scratch/report" "$scratch/why" >&2
        problem "programs that run with $release do not run with this: for what stands last above SECKILL_SOVERSION must be another"
    fi
    ;;
added)
    if [[ $version == "$old_version" ]] && ((revision <= old_revision)); then
        cat "$scratch/report" >&2
        problem "what stands above was added since $release: SECKILL_SOREVISION must be more than $old_revision"
    fi
    ;;
esac

# ---- who names the number

for file in examples/edge/run examples/edge/README.md examples/edge/lua/seckill/settings.lua; do
    [[ $(grep -o 'libseckill\.so\.[0-9][0-9]*' "$SECKILL_SOURCE_DIR/$file" | sort -u) == "libseckill.so.$version" ]] ||
        problem "$file does not name libseckill.so.$version"
done
finish
