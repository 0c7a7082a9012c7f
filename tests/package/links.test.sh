#!/usr/bin/env bash
# The pages of the tree: each relative link leads to a file, each anchor to a heading; and README.zh-CN.md has the parts of README.md.
set -euo pipefail
# shellcheck source=tests/package/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
export LC_ALL=C

scratch
cd "$SECKILL_SOURCE_DIR"
find . -path ./build -prune -o -path ./.git -prune -o -name '*.md' -printf '%P\n' | sort >"$scratch/pages"

# anchors_of PAGE: as GitHub makes them of headings: lower case, punctuation away, blanks to hyphens, a number behind a second one
anchors_of() {
    awk '
        /^ *```/ { inside = !inside }
        !inside && /^#+ / {
            sub(/^#+ +/, "")
            $0 = tolower($0)
            gsub(/[!-,.\/:-@\[-^`{-~]/, "")
            gsub(/ /, "-")
            print seen[$0]++ ? $0 "-" seen[$0] - 1 : $0
        }' "$1"
}

# links_of PAGE: outside of blocks of code, one a line
links_of() {
    awk '
        /^ *```/ { inside = !inside }
        !inside {
            while (match($0, /\]\([^) ]+\)/)) {
                print substr($0, RSTART + 2, RLENGTH - 3)
                $0 = substr($0, RSTART + RLENGTH)
            }
        }' "$1"
}

declare -A anchors=()
while read -r page; do
    anchors[$page]=$(anchors_of "$page")
done <"$scratch/pages"

# check_link PAGE LINK
check_link() {
    local file=${2%%#*} anchor=""
    [[ $2 != *'#'* ]] || anchor=${2#*#}
    if [[ -n $file ]]; then
        file=$(realpath -m --relative-to=. "$(dirname "$1")/$file")
    else
        file=$1
    fi
    if [[ ! -e $file ]]; then
        problem "$1: [..]($2) leads to nothing"
    elif [[ -n $anchor ]] && ! grep -qxF -e "$anchor" <<<"${anchors[$file]-}"; then
        problem "$1: [..]($2): $file has no heading for $anchor"
    fi
}

count=0
while read -r page; do
    while read -r link; do
        [[ $link != http*:* ]] || continue
        check_link "$page" "$link"
        count=$((count + 1))
    done < <(links_of "$page")
done <"$scratch/pages"
((count > 0)) || problem "no page has a link: this test does not read them"

# parts_of PAGE: what a translation shares: levels of headings, blocks of code, links. An anchor is a heading, in its own language.
parts_of() {
    awk '/^```/ { inside = !inside; print; next } inside { print } !inside && /^    / { print } !inside && /^#+ / { print $1 }' "$1"
    links_of "$1" | sed 's/#.*/#/; s/^README.*md$/the other language/' | sort
}
if ! diff <(parts_of README.md) <(parts_of README.zh-CN.md) >&2; then
    problem "README.md (<) and README.zh-CN.md (>) have other headings, blocks of code or links: change both"
fi
head -n 5 README.md | grep -qF '(README.zh-CN.md)' || problem "README.md does not lead to README.zh-CN.md at its top"
head -n 5 README.zh-CN.md | grep -qF '(README.md)' || problem "README.zh-CN.md does not lead to README.md at its top"
finish
