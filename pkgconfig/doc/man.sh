#!/bin/sh
# Writes the man pages; see doc.cmake, which calls it:
#   man.sh 3 FOLDER DATE RELEASE HEADER...             a page for each header, and one that leads to it for each function
#   man.sh 1 FOLDER DATE RELEASE "NAME|BRIEF|PROGRAM"...   a page for each program, from what it prints with --help
set -eu
here=$(dirname "$0")
section=$1 folder=$2 date=$3 release=$4
shift 4
rm -rf "$folder"
mkdir -p "$folder"

# page_of_header HEADER
page_of_header() {
    page=seckill_$(basename "$1" .h)
    [ "$page" != seckill_seckill ] || page=seckill
    awk -f "$here/expand.awk" "$1" | awk -v date="$date" -v release="$release" -f "$here/mdoc.awk" -f "$here/man3.awk" >"$folder/$page.3"
    sed -n 's/^\.Fo //p' "$folder/$page.3" | while read -r name; do
        [ "$name" = "$page" ] || printf '.so man3/%s.3\n' "$page" >"$folder/$name.3"
    done
}

# help_of PROGRAM: all of it; a program with commands lists them as `  word word OPERAND...`, and has a help for each
help_of() {
    "$1" --help
    "$1" --help | grep -q ' help COMMAND$' || return 0
    "$1" --help | sed -n '/^Options of every command/q; s/^  \(\([a-z]\{1,\} \)\{1,\}\).*/\1/p' | while read -r command; do
        printf '\n== %s\n' "$command"
        # shellcheck disable=SC2086 # words
        "$1" help $command | sed '/^Options of every command/,$d'
    done
}

case $section in
3)
    for header; do
        page_of_header "$header"
    done
    ;;
1)
    others=$(for program; do echo "${program%%|*}"; done | sort | tr '\n' ' ')
    for program; do
        name=${program%%|*} rest=${program#*|}
        "${rest#*|}" --help >/dev/null # else it fails in the middle of a pipe, and nobody sees it
        help_of "${rest#*|}" | awk -v name="$name" -v brief="${rest%%|*}" -v others="$others" -v date="$date" -v release="$release" \
            -f "$here/mdoc.awk" -f "$here/man1.awk" >"$folder/$name.1"
    done
    ;;
esac
