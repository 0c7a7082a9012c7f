# One page of section 1 from what a program prints with --help:
#   awk -v name=seckill-ctl -v brief="run flash sales" -v others="seckill-front seckill-worker" \
#       -v date="November 11, 2026" -v release=1.0.0 -f mdoc.awk -f man1.awk
# In the help "  --option VALUE    text" is an entry, whose text goes on in lines that begin further right; a line at the left with
# an indented one below it is a heading; "usage: ..." is the synopsis. A line "== TITLE" begins the help of one command. What it says
# of exit codes, and the environment variables that it names, come where a reader of man pages looks for them.

# Where the text of an entry begins: behind two blanks, or in the column where all do; 0: nowhere.
function text_at(line,    found) {
    found = match(substr(line, 3), /  +[^ ]/) ? RSTART + RLENGTH + 1 : 0
    if (found && !column)
        column = found
    if (!found && column && substr(line, column - 1, 1) == " " && substr(line, column, 1) != " ")
        return column
    return found
}
function entry(tag, text) {
    sub(/ +$/, "", tag)
    item("entry", "Sy " quoted(tag), text)
}
# A line at the left.
function left(line, is_first, is_heading) {
    if (sub(/^== /, "", line)) {
        list_is("")
        if (!is_command++)
            macro(".Sh COMMANDS")
        heading(line)
        column = 0
    } else if (sub(/^[Uu]sage: */, "", line)) {
        macro(".Sy " quoted(line))
        fresh = 0
    } else if (is_first && is_heading) {
        sub(/:$/, "", line)
        if (is_command && line !~ /\.$/)
            macro(".Pp\n.Sy " quoted(line))
        else if (length(line) > 40) # it says more than a title does
            paragraph(line (line ~ /\.$/ ? "" : "."))
        else
            heading(line)
    } else if (is_first || list != "") {
        paragraph(line)
    } else {
        say(line)
    }
}
# An indented line.
function indented(line,    at) {
    at = text_at(line)
    if (line ~ /^   /) {
        say(line)
    } else if (index(line, name " ") == 3) {
        list_is("")
        macro(".Dl " escaped(substr(line, 3)))
    } else if (at) {
        entry(substr(line, 3, at - 3), substr(line, at))
    } else if (line ~ /^  -/) {
        entry(substr(line, 3), "")
    } else {
        paragraph(line)
    }
}
function show(from, to,    i) {
    for (i = from; i <= to; i++) {
        if (lines[i] ~ /^ /)
            indented(lines[i])
        else if (lines[i] != "")
            left(lines[i], lines[i - 1] == "", lines[i + 1] ~ /^  /)
    }
    list_is("")
}

# ---- the parts

# Takes the usage out of the help, and what stands before it: what the program is.
function synopsis(    i, first) {
    for (first = 1; first < count && tolower(lines[first]) !~ /^usage: /; first++)
        ;
    for (i = first; lines[i] != ""; i++) {
        sub(/^([Uu]sage:)? *[^ ]+ */, "", lines[i])
        macro(".Nm\n" escaped(lines[i]))
        lines[i] = ""
    }
    sub("^" name ": ", "The program ", lines[1])
}
function environment(    i, text, variable, found, known) {
    for (i = 1; i <= count; i++) {
        text = lines[i]
        while (match(text, /SECKILL_[A-Z_]+/)) {
            variable = substr(text, RSTART, RLENGTH)
            text = substr(text, RSTART + RLENGTH)
            if (!known[variable]++)
                found = found (found == "" ? "" : ", ") variable
        }
    }
    if (found == "")
        return
    macro(".Sh ENVIRONMENT")
    say("Where an option is not given that names one of these variables, it is looked at: " found ".")
}
function exit_status(from, to) {
    macro(".Sh EXIT STATUS")
    fresh = 1
    if (!sub(/^Exit codes: /, "", lines[from]))
        from++
    show(from, to)
}
{
    lines[++count] = $0
}
END {
    begin_page(name, 1)
    macro(".Nm " name "\n.Nd " brief "\n.Sh SYNOPSIS")
    synopsis()
    for (exits = 1; exits < count && lines[exits] !~ /^Exit codes/; exits++)
        ;
    for (commands = exits; commands < count && lines[commands] != ""; commands++)
        ;
    macro(".Sh DESCRIPTION")
    fresh = 1
    show(1, exits - 1)
    environment()
    exit_status(exits, commands)
    show(commands + 1, count)
    macro(".Sh SEE ALSO")
    n = split(others, other, " ")
    for (i = 1; i <= n; i++)
        if (other[i] != name)
            macro(".Xr " other[i] " 1 ,")
    macro(".Xr seckill 3")
    printf "%s", page
}
