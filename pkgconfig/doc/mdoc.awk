# What both kinds of man pages are written with: mdoc(7). The page is kept in `page`.

function macro(text) {
    page = page text "\n"
}
# The macros' own characters, and hyphens that must stay what they are; `code` is bold.
function escaped(text) {
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    gsub(/ ?\([^ -~]+\)/, "", text) # a word in Chinese: not every terminal has it
    while (match(text, /`[^`]+`/))
        text = substr(text, 1, RSTART - 1) "\\fB" substr(text, RSTART + 1, RLENGTH - 2) "\\fR" substr(text, RSTART + RLENGTH)
    return text
}
function quoted(text) {
    gsub(/"/, "\\(dq", text)
    return "\"" escaped(text) "\""
}
function put(text) {
    sub(/^ +/, "", text)
    sub(/ +$/, "", text)
    if (text != "")
        macro((text ~ /^[.']/ ? "\\&" : "") text)
}
# Prose: a new sentence is a new line, and a name with _ is not to be cut.
function say(text,    n, i, word) {
    n = split(escaped(text), word, / +/)
    text = ""
    for (i = 1; i <= n; i++)
        text = text (i > 1 ? " " : "") (word[i] ~ /_/ ? "\\%" : "") word[i]
    while (match(text, /[.!?]\)? +[^ ]/)) {
        put(substr(text, 1, RSTART + RLENGTH - 2))
        text = substr(text, RSTART + RLENGTH - 1)
    }
    put(text)
}
# Begins and ends lists: "-" is one of points, other words one of entries with a tag, "" none.
function list_is(kind) {
    if (list == kind)
        return
    if (list != "") {
        macro(".El")
        fresh = 0
    }
    if (kind != "")
        macro(kind == "-" ? ".Bl -bullet" : ".Bl -tag -width Ds")
    list = kind
}
function item(kind, tag, text) {
    list_is(kind)
    macro(".It" (tag == "" ? "" : " " tag))
    say(text)
}
function paragraph(text) {
    list_is("")
    if (!fresh) # behind a heading there is room already
        macro(".Pp")
    fresh = 0
    say(text)
}
function heading(text) {
    list_is("")
    macro(".Ss " quoted(text))
    fresh = 1
}
function begin_page(name, section) {
    macro(".Dd " date "\n.Dt " toupper(name) " " section "\n.Os libseckill " release "\n.Sh NAME")
}
