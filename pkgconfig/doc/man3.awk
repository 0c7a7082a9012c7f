# One page of section 3 from one public header, as expand.awk writes it out:
#   awk -v date="November 11, 2026" -v release=1.0.0 -f mdoc.awk -f man3.awk
# Comments are in Doxygen's form; of its commands these are known: @defgroup or @mainpage at first, @param, @retval, @return, @code,
# @def, and lists that begin with "- ".

# ---- comments

function after(text, size) {
    return substr(text, size + 1)
}
# Code: between @code and @endcode, or four blanks from the left. Returns the number of its last line.
function literal(lines, i, n,    is_marked) {
    is_marked = lines[i] ~ /^@code/
    list_is("")
    macro(".Bd -literal -offset indent")
    for (i += is_marked; i <= n && (is_marked ? lines[i] !~ /^@endcode/ : lines[i] ~ /^    /); i++)
        macro((lines[i] ~ /^ *[.']/ ? "\\&" : "") escaped(is_marked ? lines[i] : substr(lines[i], 5)))
    macro(".Ed")
    fresh = 0
    return is_marked ? i : i - 1
}
function prose(text,    n, i, lines, s, part, size, gap) {
    gap = 1 # the next line begins a paragraph
    n = split(text, lines, "\n")
    for (i = 1; i <= n; i++) {
        s = lines[i]
        if (s ~ /^@code/ || (s ~ /^    [^ ]/ && list == "" && gap)) {
            i = literal(lines, i, n)
            gap = 1
            continue
        }
        sub(/^ +/, "", s)
        split(s, part, " ")
        if (s == "") {
            gap = 1
            continue
        } else if (match(s, /^@param [a-z_0-9]+ +/)) {
            item("parameter", "Fa " part[2], after(s, RLENGTH))
        } else if (match(s, /^@retval [A-Z_0-9a-z]+ +/)) {
            size = RLENGTH
            if (list != "value")
                paragraph("Returns:")
            item("value", "Dv " part[2], after(s, size))
        } else if (s ~ /^@return /) {
            paragraph("Returns: " after(s, 8))
        } else if (match(s, /^- (SECKILL_[A-Z_]+(, | and )?)+: /)) {
            size = RLENGTH
            item("status", "Dv " quoted(substr(s, 3, size - 4)), after(s, size))
        } else if (s ~ /^- /) {
            item("-", "", after(s, 2))
        } else if (gap) {
            paragraph(s)
        } else {
            say(s)
        }
        gap = 0
    }
    list_is("")
}

# ---- declarations

# Members or enumerators with their comments, in one line; `end` is what each ends with.
function members(body, end,    at, doc, before) {
    for (;;) {
        sub(/^ +/, "", body)
        if (body == "")
            break
        if (substr(body, 1, 2) == "/*") {
            at = index(body, "*/")
            doc = substr(body, 1, at - 1)
            body = after(body, at + 1)
            if (doc ~ /^\/\*\*</)
                say(after(doc, 5))
            else if (doc ~ /^\/\*\*/)
                before = after(doc, 4)
            continue
        }
        match(body, end "|/\\*|$")
        doc = substr(body, 1, RSTART - 1)
        body = substr(body, RSTART + (substr(body, RSTART, 2) == "/*" ? 0 : 1))
        sub(/ +$/, "", doc)
        if (doc != "") {
            item("member", "Vt " quoted(doc), before)
            before = ""
        }
    }
    list_is("")
}
function prototype(type, name, parameters,    n, i, part) {
    synopsis = synopsis ".Ft " quoted(type) "\n.Fo " name "\n"
    n = split(parameters, part, /, */)
    for (i = 1; i <= n; i++)
        synopsis = synopsis ".Fa " quoted(part[i]) "\n"
    synopsis = synopsis ".Fc\n"
    names[++name_count] = name
}
function callback(type, name, parameters) {
    gsub(/, */, ",\n    ", parameters)
    prose("@code\n" type "\n(*" name ")(\n    " parameters ");\n@endcode\n")
}
function declaration(code,    name, type, inside, is_typedef) {
    gsub(/ +/, " ", code)
    is_typedef = code ~ /^typedef [^{]*\(\*/
    if (is_typedef || code ~ /^SECKILL_API/) {
        sub(/^(SECKILL_API |SECKILL_CHECKED )+/, "", code)
        match(code, is_typedef ? "[(][*][a-z_]+[)][(]" : "seckill_[a-z_0-9]+[(]")
        name = substr(code, RSTART, RLENGTH)
        gsub(/[(*)]/, "", name)
        type = substr(code, 1, RSTART - 1)
        inside = substr(code, RSTART + RLENGTH)
        sub(/\);.*/, "", inside)
        heading(name)
        if (is_typedef)
            callback(type, name, inside)
        else
            prototype(type, name, inside)
        prose(comment)
        return
    }
    name = code
    sub(/^#define /, "", name)
    sub(code ~ /^#/ ? "[ (].*" : ";$", "", name)
    sub(/.* /, "", name)
    heading(name == "}" ? "Constants" : name)
    prose(comment)
    if (code ~ /^[^#]*\{/) {
        inside = code
        sub(/^[^{]*\{/, "", inside)
        sub(/\}[^}]*$/, "", inside)
        members(inside, code ~ /^(typedef )?struct/ ? ";" : ",")
    }
}

# ---- lines

# What a header begins with. "" of subject: the page of all.
function begin(text) {
    title = text
    sub(/\n.*/, "", title)
    sub(/^[^\n]*\n+/, "", text)
    sub(/@\{.*/, "", text)
    description = text
    if (title ~ /^@mainpage/) {
        own = "seckill"
        header = own
        title = "stock for flash sales on Redis"
        return
    }
    sub(/^@defgroup [a-z]+ /, "", title)
    header = title
    sub(/\.h:.*/, "", header)
    own = "seckill_" header
    sub(/^[^:]*: */, "", title)
}
# A comment that belongs to no declaration below it is done with here.
function comment_ends(    text) {
    sub(/^\n+/, "", comment)
    text = comment
    if (comment !~ /^@(defgroup|mainpage|def|[{}])/)
        return
    comment = ""
    if (own == "" && text ~ /^@(defgroup|mainpage)/) {
        begin(text)
    } else if (sub(/^@(def|defgroup [a-z]+) /, "", text)) {
        heading(substr(text, 1, index(text, "\n") - 1))
        prose(after(text, index(text, "\n")))
    }
}
{
    sub(/ +$/, "")
}
!in_comment && code == "" && /^ *\/\*\*/ {
    in_comment = 1
    comment = ""
}
in_comment {
    is_last = sub(/ *\*\/$/, "")
    sub(/^ *(\/\*\*|\*) ?/, "")
    comment = comment $0 "\n"
    if (is_last) {
        in_comment = 0
        comment_ends()
    }
    next
}
/^#include "/ {
    related[++related_count] = substr($2, 2, length($2) - 4)
}
comment != "" && code == "" && /^#define/ {
    declaration($0)
    comment = ""
    next
}
code == "" && (/^#/ || /^ *\/\* / || comment == "" || NF == 0) {
    next
}
{
    sub(/^ +\* /, " ")
    code = code (code == "" ? "" : " ") $0
    if (/;$/ && (code !~ /\{/ || /^\}/)) {
        declaration(code)
        code = comment = ""
    }
}
END {
    body = page
    page = ""
    begin_page(own, 3)
    macro(".Nm " own)
    for (i = 1; i <= name_count; i++)
        if (names[i] != own)
            macro(", Nm " names[i])
    gsub(/\n, Nm/, " ,\n.Nm", page)
    macro(".Nd " escaped(title) "\n.Sh SYNOPSIS\n.In seckill/" header ".h\n" synopsis ".Sh DESCRIPTION")
    fresh = 1
    prose(description)
    page = page body
    macro(".Sh SEE ALSO")
    macro(own == "seckill" ? ".Xr seckill-ctl 1\n, Xr seckill-front 1\n, Xr seckill-worker 1" : ".Xr seckill 3")
    for (i = 1; i <= related_count; i++)
        macro(", Xr seckill_" related[i] " 3")
    gsub(/\n, Xr/, " ,\n.Xr", page)
    printf "%s", page
}
