#!/usr/bin/env bash
# Checks queue.pml with Spin: queue.test.sh GROUP, or queue.test.sh trace OPTION...
#
#   life, failover, liveness   configurations in which every promise must hold; more of them where SECKILL_TESTS_FULL=1
#   mutations                  ways to build it wrong, each of which must break a promise
#   trace OPTION...            the steps to the promise that breaks first: trace MUTATION=BEYOND_TO BLACKLIST=2
#
# Every search is exhaustive within its bounds. An option is a macro of queue.pml, NAME=VALUE or FAIR.
set -euo pipefail

folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
compiler=${SECKILL_CC:-cc}
full=${SECKILL_TESTS_FULL:-}
depth_max=1000000

command -v spin >/dev/null || {
    echo "skipped: there is no spin"
    exit 77
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
cp "$folder/queue.pml" .

macros=()
# search OPTIMIZATION OPTION...: looks at every state that can be reached; what it finds is in `found`, in words
search() {
    local optimization=$1 option limits=(-DSAFETY -DNOFAIR) run=()
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
    spin "${macros[@]}" -a queue.pml >log || { # it tells its troubles on standard output
        cat log
        exit 1
    }
    # Nothing is gained by partial order reduction: nearly every step touches the server.
    "$compiler" "$optimization" -w -DNOREDUCE -DVECTORSZ=512 "${limits[@]}" -o pan pan.c
    ./pan -m"$depth_max" -w22 "${run[@]}" >log || true

    states=$(awk '/ states, stored/ { print $1; exit }' log)
    depth=$(sed -nE 's/.*depth reached ([0-9]+),.*/\1/p' log)
    if [[ -e queue.pml.trail ]]; then
        found=violation
    elif grep -q 'errors: 0$' log && ! grep -qiE 'not completed|too small|out of memory' log; then
        found=nothing
    else
        found=trouble
    fi
}

# Each step to the violation: who, and the line of queue.pml with which the step begins.
story() {
    spin "${macros[@]}" -t -p queue.pml | awk '
        NR == FNR { source[FNR] = $0; next }
        /^ *[0-9]+:.*proc +[0-9]+ \([a-z]+:[0-9]+\) queue\.pml:[0-9]+ / {
            split($5, place, ":")
            if ($1 != step && $4 !~ /^\(:init:/) {
                line = source[place[2]]
                sub(/^ +/, "", line)
                if (line !~ /^(}|:: else|:: from)/) printf "%6s %s %s: %s\n", $1, $3, $4, line
            }
            step = $1
        }
        /START OF CYCLE/ { print "       and from here on, for ever:" }' queue.pml -
}

# The promise that broke: the assertion, and the procedure of queue.pml that it stands in.
promise() {
    local line
    line=$(spin "${macros[@]}" -t queue.pml |
        awk -F '[:,]' '/Error: assertion violated/ && !line { line = $3 } END { print line }')
    if [[ -z $line ]]; then
        echo "decided_at_last"
        return
    fi
    awk -v line="$line" '
        /^inline/ { split($2, name, "("); inside = name[1] }
        NR == line { sub(/^ +/, ""); sub(/;$/, ""); print inside ": " $0 }' queue.pml
}

problems=0
searches=0
# holds NAME OPTION...
holds() {
    local name=$1 started=$SECONDS
    shift
    search -O2 "$@"
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

life() {
    holds "two workers" WORKERS=2 PLACES=3
    holds "three ids, one limit for two, one blacklisted" IDS=3 USERS=2 BLACKLIST=4 WORKERS=1 PROOFS=0 PLACES=4
    holds "one and two units" IDS=3 TWO_UNITS=2 UNITS=2 LIMIT=2 WORKERS=1 PLACES=2
    holds "late calls, the sale's end" LATE=1 ENDS=1 WORKERS=1 PROOFS=0
    if [[ -n $full ]]; then
        holds "two workers, more places" WORKERS=2 PLACES=5
        holds "three ids and two workers" IDS=3 USERS=2 BLACKLIST=4 WORKERS=2 PROOFS=0 PLACES=3
        holds "one and two units, more places" IDS=3 TWO_UNITS=2 UNITS=2 LIMIT=2 WORKERS=1 PLACES=3
        holds "late calls, the sale's end, two workers" LATE=1 ENDS=1 WORKERS=2 PROOFS=0
    fi
}

failover() {
    local once="RESTARTS=1 ROLLBACKS=1" twice="RESTARTS=2 ROLLBACKS=1"
    # shellcheck disable=SC2086 # they are two options
    {
        holds "a failover" $once BLACKLIST=2 WORKERS=2 PROOFS=0 PLACES=2
        holds "a failover, no time" $once BLACKLIST=2 WORKERS=2 PROOFS=0 TIME=0
        holds "a failover, proofs" $once WORKERS=1 PLACES=2
        holds "a failover, a clock that is behind" $once SKEW=1 WORKERS=1 PROOFS=0 PLACES=2
        holds "two failovers" $twice WORKERS=1 PROOFS=0 PLACES=1
        holds "two failovers, no time" $twice BLACKLIST=2 WORKERS=1 PROOFS=0 TIME=0
        if [[ -n $full ]]; then
            holds "a failover, more places" $once BLACKLIST=2 WORKERS=2 PROOFS=0 PLACES=3
            holds "a failover, more proofs" $once WORKERS=1 PLACES=3
            holds "a failover, proofs, two workers" $once WORKERS=2 PLACES=2
            holds "a failover, three ids" $once IDS=3 WORKERS=1 PROOFS=0 TIME=0
            holds "two failovers, more places" $twice WORKERS=1 PROOFS=0 PLACES=2
            holds "two failovers, a clock that is behind" $twice SKEW=1 WORKERS=1 PROOFS=0 PLACES=2
            holds "two failovers, no time, more places" $twice BLACKLIST=2 WORKERS=1 PROOFS=0 TIME=0 PLACES=4
        fi
    }
}

liveness() {
    holds "two workers, one of them mortal" FAIR WORKERS=2 PLACES=2
    holds "a failover" FAIR RESTARTS=1 ROLLBACKS=1 WORKERS=1 PLACES=4
    if [[ -n $full ]]; then
        holds "two workers, one of them mortal, more places" FAIR WORKERS=2 PLACES=3
        holds "two failovers" FAIR RESTARTS=2 ROLLBACKS=1 WORKERS=1 PROOFS=0 PLACES=6
    fi
}

broken() {
    local small="WORKERS=1 PROOFS=0 TIME=0" aging="WORKERS=1 PROOFS=0" once="RESTARTS=1 ROLLBACKS=1" name
    # shellcheck disable=SC2086 # they are several options
    {
        breaks BLIND_ENQUEUE $small
        breaks BLIND_PROCESS $small
        breaks POLL_CURSOR_FIRST $small
        breaks POLL_ANY_EPOCH $small $once
        breaks POLL_BY_N $small $once
        breaks SAME_EPOCH $small $once
        breaks ANY_FROM $small $once BLACKLIST=2
        breaks BEYOND_TO $small BLACKLIST=2
        breaks TO_BY_ORDER $small RESTARTS=2 ROLLBACKS=1 BLACKLIST=2
        breaks GO_ON_ANYWHERE $small $once BLACKLIST=2
        breaks CURSOR_LATER WORKERS=2 PROOFS=0 TIME=0
        breaks CURSOR_EARLIER $small
        breaks NO_PROOF WORKERS=1 PLACES=2
        breaks OLD_PROOF WORKERS=1 PLACES=2
        breaks PROOF_ANY_EPOCH WORKERS=1 PLACES=1 $once
        breaks FORGET_EARLY $aging
        breaks PROCESS_ANY_AGE $aging
        breaks AGAIN_AS_NEW $aging RESTARTS=1
        breaks SINCE_ENQUEUED $aging RESTARTS=2 ROLLBACKS=1 PLACES=1
        breaks NO_MARGIN $aging RESTARTS=1 SKEW=1
        breaks SHORT_MEMORY $aging
        breaks NEVER_PROVE FAIR WORKERS=1 PLACES=2
        breaks NEVER_AGAIN FAIR WORKERS=1 PLACES=4 $once
    }
    while read -r name; do
        if [[ " ${mutations[*]} " != *" $name "* ]]; then
            echo "$name: not checked"
            problems=$((problems + 1))
        fi
    done < <(sed -nE '/---- mutations/,/^#ifndef/s/^#define ([A-Z_]+) .*/\1/p' queue.pml)
}

case ${1:-} in
life | failover | liveness)
    "$1"
    if ((problems == 0)); then
        echo "Every promise holds in each of these $searches configurations: all states within their bounds were looked at."
    else
        echo "In $problems of $searches configurations a promise is broken or the search came to no end."
    fi
    ;;
mutations)
    broken
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
    sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
((problems == 0))
