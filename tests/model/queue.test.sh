#!/usr/bin/env bash
# Checks queue.pml with Spin: queue.test.sh GROUP, or queue.test.sh trace OPTION...
#
#   life, failover, liveness   configurations in which every promise must hold; more of them where SECKILL_TESTS_FULL=1
#   mutations                  ways to build it wrong, each of which must break a promise
#   trace OPTION...            the steps to the promise that breaks first: trace MUTATION=BEYOND_TO BLACKLIST=2
#
# Every search is exhaustive within its bounds. An option is a macro of queue.pml, NAME=VALUE or FAIR.
usage() {
    sed -n '2,8s/^# \{0,1\}//p' "$script" >&2
}

script=$(realpath "${BASH_SOURCE[0]}")
# shellcheck disable=SC2034 # common.sh reads them
{
    model=queue.pml
    groups="life failover liveness"
}
# shellcheck source=tests/model/common.sh
source "$(dirname "$script")/common.sh"

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
    local small="WORKERS=1 PROOFS=0 TIME=0" aging="WORKERS=1 PROOFS=0" once="RESTARTS=1 ROLLBACKS=1"
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
}

check "$@"
