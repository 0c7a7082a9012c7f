#!/usr/bin/env bash
# The reference is whole: what is exported is documented, every parameter of it; what comments and documents name is there; each
# function and each program has a man page. Doxygen and mandoc look at it where they are installed.
set -euo pipefail
# shellcheck source=tests/package/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

scratch
find_libdir
include=$SECKILL_SOURCE_DIR/include/seckill
declared_functions "$include" >"$scratch/exports"

# ---- names

# comments FILE...: all comments of C
comments() {
    sed -n '/\/\*/,/\*\//p' "$@"
}

# names: all words SECKILL_... of what it reads, one a line
names() {
    grep -oE '\bSECKILL_[A-Z0-9_]+' | sort -u
}

# Those of the interface, written out; and what else has such names: CMake's variables, the environment's, those of scripts.
{
    "$SECKILL_CC" -E -dD -I"$SECKILL_SOURCE_DIR/include" "$include/seckill.h"
    grep -h '^#' "$include"/*.h
} | names >"$scratch/interface"
{
    cat "$scratch/interface"
    find "$SECKILL_SOURCE_DIR" -path "$SECKILL_SOURCE_DIR/build" -prune -o \( -name CMakeLists.txt -o -name '*.cmake' -o -name '*.in' -o \
        -name '*.sh' -o -name run \) -type f -exec cat {} + | names
    grep -rhoE '"SECKILL_[A-Z_]+"' "$SECKILL_SOURCE_DIR"/{examples,tests,bench} --include='*.c' --include='*.h' --include='*.lua' | names
} | sort -u >"$scratch/all"

# unknown FILE: which of the names it reads are not in FILE; one that ends with _ stands for those that begin so
unknown() {
    local name
    comm -23 - "$1" | while read -r name; do
        [[ $name == *_ ]] && grep -q "^$name" "$1" || echo "$name"
    done
}

while read -r name; do
    problem "comments of the public headers name $name, which is not there"
done < <(comments "$include"/*.h | names | unknown "$scratch/interface")
while IFS= read -r document; do
    while read -r name; do
        problem "${document#"$SECKILL_SOURCE_DIR"/} names $name, which is not there"
    done < <(names <"$document" | unknown "$scratch/all")
done < <(find "$SECKILL_SOURCE_DIR"/README*.md "$SECKILL_SOURCE_DIR/lib" "$SECKILL_SOURCE_DIR/examples" -name '*.md')
[[ $(unknown "$scratch/interface" <<<"SECKILL_SOLD_IN") == SECKILL_SOLD_IN ]] || problem "this test finds no name that is not there"

# Each status is said by some call.
for header in "$include"/*.h; do
    [[ $header == */status.h ]] || comments "$header"
done | names >"$scratch/said"
while read -r name; do
    grep -qx "SECKILL_$name" "$scratch/said" || problem "no call's comment names SECKILL_$name"
done < <(sed -nE 's/^    X\(([A-Z_]+), .*/\1/p' "$include/status.h")

# ---- comments

# Of lists that are macros, too, each enumerator has a meaning, not only its name.
while read -r name; do
    problem "the list that has $name does not say what it means"
done < <(for header in "$include"/*.h; do
    awk -f "$SECKILL_SOURCE_DIR/pkgconfig/doc/expand.awk" "$header"
done | grep -oE 'SECKILL_[A-Z_]+( = -?[0-9]+)?, /\*\*< [a-z_]+ \*/' |
    awk '{ meaning = toupper($(NF - 1)); sub(/,.*| .*/, "", $1) } substr($1, length($1) - length(meaning)) == "_" meaning { print $1 }')

# reference FOLDER: makes the HTML of the headers there; what Doxygen says of them
reference() {
    {
        cat "$SECKILL_BUILD_DIR/doc/Doxyfile"
        echo "INPUT = $1"
        echo "OUTPUT_DIRECTORY = $scratch"
    } | doxygen - 2>&1
}

if command -v doxygen >/dev/null && [[ -e $SECKILL_BUILD_DIR/doc/Doxyfile ]]; then
    reference "$include" || problem "Doxygen is not content, see above"
    for link in 'group__status[^"]*"[^>]*>SECKILL_UNKNOWN' 'group__queue[^"]*"[^>]*>seckill_refuse' 'group__client[^"]*"[^>]*>client\.h'; do
        grep -qE "<p ?>.*href=\"$link</a>" "$scratch/html/group__reserve.html" || problem "in HTML the words of reserve.h have no link to $link"
    done
    mkdir "$scratch/broken"
    cp "$include"/*.h "$scratch/broken"
    sed -i '0,/ \* @param shards /{/ \* @param shards /d}' "$scratch/broken/shard.h"
    if said=$(reference "$scratch/broken") || ! grep -q "shards" <<<"$said"; then
        problem "Doxygen does not see that a parameter is not described: $said"
    fi
else
    echo "Doxygen is not installed: nobody looks at the parameters" >&2
fi

# ---- man pages

man=$(dirname "$(find "$prefix" -type d -name man3)")
[[ -d $man/man3 ]] || skip "no man pages were built: there is no awk"
while read -r name; do
    [[ -s $man/man3/$name.3 ]] || problem "$name has no man page"
done < <(comm -12 "$scratch/exports" <(exported_symbols))
while read -r target; do
    grep -q '^\.Sh NAME' "$man/$target" || problem "a page leads to $target, which is none"
done < <(sed -n 's/^\.so //p' "$man"/man3/*.3 | sort -u)
for header in "$include"/*.h; do
    page=seckill_$(basename "$header" .h)
    [[ -s $man/man3/${page/%_seckill/}.3 ]] || problem "$(basename "$header") has no man page"
done

# options: all that the help it reads names
options() {
    grep -oE -- '(^|[^a-z-])--[a-z][a-z-]*' | grep -oE -- '--.*' | sort -u
}

# help_of PROGRAM: with that of its commands
help_of() {
    "$1" --help
    if [[ $1 == */seckill-ctl ]]; then
        "$1" --help | sed -n '/^Options of every command/q; s/^  \(\([a-z]\{1,\} \)\{1,\}\).*/\1/p' | sed 's/ $//' | xargs -L1 "$1" help
    fi
}

for program in "$prefix"/bin/seckill-{ctl,front,worker}; do
    [[ -x $program ]] || continue
    page=$man/man1/$(basename "$program").1
    if [[ ! -s $page ]]; then
        problem "$(basename "$program") has no man page"
        continue
    fi
    while read -r option; do
        problem "$(basename "$page") does not name $option"
    done < <(comm -23 <(help_of "$program" | options) <(sed 's/\\-/-/g' "$page" | options))
done

mapfile -t pages < <(grep -l '^\.Sh NAME' "$man"/man?/*) # the others lead to them
if command -v mandoc >/dev/null; then
    mandoc -T lint -W warning "${pages[@]}" || problem "mandoc is not content, see above"
fi
if command -v man >/dev/null; then
    for page in "${pages[@]}"; do
        # groff 1.23 says of each line that is one long word that it cannot be stretched.
        said=$(LC_ALL=C.UTF-8 MANPAGER=cat man --warnings -E UTF-8 -l "$page" 2>&1 >/dev/null | grep -v 'cannot adjust line' || true)
        [[ $said == "" ]] || problem "$(basename "$page"): $said"
    done
fi
finish
