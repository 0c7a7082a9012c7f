# What abidiff --leaf-changes-only says of two libraries, judged: says each thing that an existing program would stumble over, a
# line each, and nothing of what is only added. What it does not know it holds for such a thing.
#
# -v fixed=NAMES: structures that keep their size, as a regular expression
#
# A structure may get members behind its old end: in its padding an older program leaves whatever stood there. One that keeps its
# size may get them where its `spare` began.

function stumble(what) {
    print type (type == "" ? "" : ": ") what
}

function number_after(words,    rest) {
    rest = $0
    sub(".*" words, "", rest)
    return rest + 0
}

# Its members were shown: is each behind the end, or in the room that there was?
function end_of_type(    i) {
    for (i = 1; i <= inserted; i++)
        if (!(old_size != "" && at[i] >= old_size) && !(spare_at != "" && at[i] >= spare_at))
            stumble("a member stands before its old end: " member[i])
    inserted = 0
    old_size = spare_at = in_members = in_spare = type = ""
}

/^$/ || /^Leaf changes summary:/ || /^Changed leaf types summary:/ { next }

/^(Removed\/Changed\/Added )?(functions|variables) summary:/ || /^(Function|Variable) symbols changes summary:/ {
    if ($0 !~ / 0 Removed/ || $0 ~ /[1-9][0-9]* (\([^)]*\) )?Changed/)
        stumble($0)
    next
}

/^[0-9]+ Added (function|variable)/ { added = 1; next }
/^[0-9]+ (Removed|Changed) (function|variable)/ { added = 0; next }
/^ +\[[ADC]\] / {
    if (!added)
        stumble($0)
    next
}

/^'(struct|enum) [a-z_0-9]+ at .*' changed:$/ {
    end_of_type()
    type = $2
    next
}

type != "" && /^  type size hasn't changed$/ { next }
type != "" && /^  type size changed from / {
    old_size = number_after("changed from ")
    if (type ~ "^(" fixed ")$")
        stumble("it must keep its size")
    next
}
type != "" && /^  [0-9]+ (data member|enumerator) insertions?:$/ { in_members = 1; in_spare = ""; next }
type != "" && in_members && /^    '.*', at offset [0-9]+ \(in bits\)/ {
    at[++inserted] = number_after(", at offset ")
    member[inserted] = $0
    next
}
type != "" && in_members && /^    '.*::.*' value '-?[0-9]+'/ { next }
type != "" && /^  there are data member changes:$/ { in_members = ""; next }
type != "" && /^    type 'uint64_t\[[0-9]+\]' of '.*::spare' changed:$/ { in_spare = 1; next }
type != "" && in_spare && /^      (type name changed from 'uint64_t\[|array type size changed|array type subrange)/ { next }
type != "" && in_spare && /^    and offset changed from / { spare_at = number_after("changed from "); next }

{ stumble($0) }

END { end_of_type() }
