#!/bin/sh
# What Doxygen reads of a header; see Doxyfile.in: html.sh HEADER
set -eu
here=$(dirname "$0")
awk -f "$here/expand.awk" "$1" | awk -f "$here/links.awk"
