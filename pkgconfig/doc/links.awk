# For Doxygen, of what expand.awk writes out: in comments a header's name leads to its group, not to its source, and a name of ours to
# where it is described. Not in code, nor where a command wants the bare name; what is no name of the reference stands in backticks.
function linked(text,    out, word) {
    while (match(text, /[A-Za-z_][A-Za-z0-9_]*(\.h)?/)) {
        word = substr(text, RSTART, RLENGTH)
        out = out substr(text, 1, RSTART - 1)
        text = substr(text, RSTART + RLENGTH)
        if (out ~ /[`\/@]$/)
            out = out word
        else if (word ~ /\.h$/)
            out = out "@ref " substr(word, 1, length(word) - 2) " \"" word "\""
        else
            out = out (word ~ /^(seckill|SECKILL)_.*[a-zA-Z0-9]$/ ? "#" : "") word
    }
    return out text
}
{
    rest = $0
    out = ""
    is_code = /^ \*    / || /@code/ || is_marked
    is_marked = /@code/ || is_marked && !/@endcode/
    while (rest != "") {
        size = length(rest)
        if (!in_comment) {
            if (match(rest, /\/\*\*/)) {
                size = RSTART + 2
                in_comment = 1
            }
            out = out substr(rest, 1, size)
        } else {
            if (match(rest, /\*\//)) {
                size = RSTART + 1
                in_comment = 0
            }
            part = substr(rest, 1, size)
            skip = match(part, /@(param|retval|defgroup|def|mainpage) +[^ ]+( +([a-z]+\.h:)?)?/) ? RSTART + RLENGTH - 1 : 0
            out = out substr(part, 1, skip) (is_code ? substr(part, skip + 1) : linked(substr(part, skip + 1)))
        }
        rest = substr(rest, size + 1)
    }
    print out
}
