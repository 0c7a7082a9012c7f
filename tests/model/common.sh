# shellcheck shell=bash disable=SC2154 # `model` and `groups` are set by who reads this
# What the scripts share that check a model with Spin. They set `model`, its file, and `groups`, which are functions of theirs, and
# have `broken` for the mutations and `usage`.
set -euo pipefail

folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
compiler=${SECKILL_CC:-cc}
full=${SECKILL_TESTS_FULL:-}
depth_max=1000000
# Compiling takes longer than most searches.
optimization=-O1
if [[ -n $full ]]; then
    optimization=-O2
fi

command -v spin >/dev/null || {
    echo "skipped: there is no spin"
    exit 77
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
cp "$folder/$model" .

macros=()
# search OPTIMIZATION OPTION...: looks at every state that can be reached; what it finds is in `found`, in words
search() {
    local how=$1 option limits=(-DSAFETY -DNOFAIR) run=()
    shift
    macros=()
    for option in "$@"; do
        macros+=("-D$option")
        if [[ $option == FAIR ]]; then
            limits=(-DNFAIR=3)
            run=(-a -f)
        fi
    done
    if [[ -n $full ]]; then
        limits+=(-DCOLLAPSE)
    fi
    rm -f ./*.trail
    spin "${macros[@]}" -a "$model" >log || { # it tells its troubles on standard output
        cat log
        exit 1
    }
    # Nothing is gained by partial order reduction: nearly every step touches the server.
    "$compiler" "$how" -w -DNOREDUCE -DVECTORSZ=1024 "${limits[@]}" -o pan pan.c
    ./pan -m"$depth_max" -w22 "${run[@]}" >log || true

    states=$(awk '/ states, stored/ { print $1; exit }' log)
    depth=$(sed -nE 's/.*depth reached ([0-9]+),.*/\1/p' log)
    if [[ -e "$model.trail" ]]; then
        found=violation
    elif grep -q 'errors: 0$' log && ! grep -qiE 'not completed|too small|out of memory' log; then
        found=nothing
    else
        found=trouble
    fi
}

# Each step to the violation: who, and the line of the model with which the step begins.
story() {
    spin "${macros[@]}" -t -p "$model" | awk -v model="$model" '
        NR == FNR { source[FNR] = $0; next }
        /^ *[0-9]+:.*proc +[0-9]+ \([a-z]+:[0-9]+\) / && index($5, model) == 1 {
            split($5, place, ":")
            if ($1 != step && $4 !~ /^\(:init:/) {
                line = source[place[2]]
                sub(/^ +/, "", line)
                if (line !~ /^(}|:: else|:: from)/) printf "%6s %s %s: %s\n", $1, $3, $4, line
            }
            step = $1
        }
        /START OF CYCLE/ { print "       and from here on, for ever:" }' "$model" -
}

# The promise that broke: the assertion, and the procedure of the model that it stands in.
promise() {
    local line
    line=$(spin "${macros[@]}" -t "$model" |
        awk -F '[:,]' '/Error: assertion violated/ && !line { line = $3 } END { print line }')
    if [[ -z $line ]]; then
        sed -nE 's/^ltl ([a-z_]+) .*/\1/p' "$model"
        return
    fi
    awk -v line="$line" '
        /^inline/ { split($2, name, "("); inside = name[1] }
        NR == line { sub(/^ +/, ""); sub(/;$/, ""); print inside ": " $0 }' "$model"
}

problems=0
searches=0
# holds NAME OPTION...
holds() {
    local name=$1 started=$SECONDS
    shift
    search "$optimization" "$@"
    searches=$((searches + 1))
    if [[ $found == nothing ]]; then
        printf '%-46s %9s states, depth %4s, %3s s: holds\n' "$name" "$states" "$depth" "$((SECONDS - started))"
        return
    fi
    problems=$((problems + 1))
    echo "$name ($*): $found"
    if [[ $found == violation ]]; then
        promise
        story
    else
        cat log
    fi
}

mutations=()
# breaks MUTATION OPTION...
breaks() {
    local name=$1
    shift
    search -O0 "MUTATION=$name" "$@"
    mutations+=("$name")
    if [[ $found == violation ]]; then
        printf '%-18s %8s states, depth %4s: breaks %s\n' "$name" "$states" "$depth" "$(promise)"
        return
    fi
    problems=$((problems + 1))
    if [[ $found == nothing ]]; then
        echo "$name ($*): breaks nothing"
    else
        echo "$name ($*): trouble"
        cat log
    fi
}

# every_mutation: each one that the model has must have been checked.
every_mutation() {
    local name
    while read -r name; do
        if [[ " ${mutations[*]} " != *" $name "* ]]; then
            echo "$name: not checked"
            problems=$((problems + 1))
        fi
    done < <(sed -nE '/---- mutations/,/^#ifndef/s/^#define ([A-Z_]+) .*/\1/p' "$model")
}

# check GROUP...: what the arguments of the script ask for; the groups are functions of its own, but for trace.
check() {
    case ${1:-} in
    mutations)
        broken
        every_mutation
        if ((problems == 0)); then
            echo "Each of the ${#mutations[@]} mutations breaks a promise: the checks are not empty."
        else
            echo "$problems of ${#mutations[@]} mutations went unnoticed."
        fi
        ;;
    trace)
        search -O1 "${@:2}"
        case $found in
        nothing) echo "Every promise holds: $states states, depth $depth." ;;
        violation)
            promise
            story
            ;;
        *) cat log ;;
        esac
        ;;
    *)
        if [[ " $groups " != *" ${1:-} "* ]]; then
            usage
            exit 2
        fi
        "$1"
        if ((problems == 0)); then
            echo "Every promise holds in each of these $searches configurations: all states within their bounds were looked at."
        else
            echo "In $problems of $searches configurations a promise is broken or the search came to no end."
        fi
        ;;
    esac
    ((problems == 0))
}
