# Writes out the lists that are macros, so that each enumerator stands there with what it means:
#   X(SOLD_OUT, 1, FINAL, "sold_out", "no unit is left")  becomes  SECKILL_SOLD_OUT = 1, /**< no unit is left */
# A list is `#define ..._MAP(X)`, its last text (or the comment behind it) the meaning; it is used by a line `..._MAP(..._ENUM)`
# with `#define ..._ENUM(name...) PREFIX##name...` above it. The number of lines stays, so that warnings name the right ones.
/^#define [A-Z_]+_MAP\(X\)/ {
    map = $2
    sub(/\(.*/, "", map)
}
map != "" && /^ *X\(/ {
    name[map, ++size[map]] = substr($1, 3, length($1) - 3)
    meaning = $0
    if (match(meaning, /\/\* .* \*\//)) {
        meaning = substr(meaning, RSTART + 3, RLENGTH - 6)
    } else {
        sub(/"\)[^"]*$/, "", meaning)
        sub(/.*"/, "", meaning)
    }
    text[map, size[map]] = meaning
    split($0, part, ",")
    number[map, size[map]] = part[2] ~ /^ -?[0-9]+$/ ? " =" part[2] : ""
}
!/\\$/ {
    map = ""
}
/^#define [A-Z_]+_ENUM\(/ {
    prefix = $0
    sub(/.*\) /, "", prefix)
    sub(/##.*/, "", prefix)
    print ""
    next
}
/^#undef [A-Z_]+_ENUM$/ {
    print ""
    next
}
/^ +[A-Z_]+_MAP\([A-Z_]+_ENUM\)$/ {
    used = $1
    sub(/\(.*/, "", used)
    line = ""
    for (i = 1; i <= size[used]; i++)
        line = line prefix name[used, i] number[used, i] ", /**< " text[used, i] " */ "
    print line
    next
}
{
    print
}
