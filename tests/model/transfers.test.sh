#!/usr/bin/env bash
# Checks transfers.pml with Spin: transfers.test.sh GROUP, or transfers.test.sh trace OPTION...
#
#   moves, failover, orders, liveness   configurations in which every promise must hold; more where SECKILL_TESTS_FULL=1
#   mutations                           ways to build it wrong, each of which must break a promise
#   trace OPTION...                     the steps to the promise that breaks first: trace MUTATION=TAKE_TOO_FEW UNITS=2
#
# Every search is exhaustive within its bounds. An option is a macro of transfers.pml, NAME=VALUE or FAIR.
usage() {
    sed -n '2,8s/^# \{0,1\}//p' "$script" >&2
}

script=$(realpath "${BASH_SOURCE[0]}")
# shellcheck disable=SC2034 # common.sh reads them
{
    model=transfers.pml
    groups="moves failover orders liveness"
}
# shellcheck source=tests/model/common.sh
source "$(dirname "$script")/common.sh"

two="UNITS=2 QUANTITIES=2"
one="UNITS=1 QUANTITIES=1"

# shellcheck disable=SC2086 # they are several options
moves() {
    holds "three shards" SHARDS=3
    holds "repeated, robbed, late, expired" LOST=1 ROBBERIES=1 TIME=1 CONFIRMS=1 CANCELS=1 $two
    holds "three clients" CLIENTS=3 CRASHES=1 UNITS=2 QUANTITIES=1
    holds "a request that joins a search" JOINERS=1 CANCELS=1 $two
    holds "a queue and its worker" QUEUE=1 JOINERS=2 CANCELS=1 CRASHES=1 UNITS=2 QUANTITIES=1
    if [[ -n $full ]]; then
        holds "three shards, repeated, robbed, late, expired" SHARDS=3 LOST=1 ROBBERIES=1 TIME=1 CONFIRMS=1 CANCELS=1 $two
        holds "three shards, four units" SHARDS=3 UNITS=4
        holds "two shards, repeated, robbed twice, late, expired" LOST=1 ROBBERIES=2 TIME=1 CONFIRMS=1 CANCELS=1
        holds "three clients, two units" CLIENTS=3 CANCELS=1 $two
        holds "three clients, three units" CLIENTS=3
        holds "a request that joins a search, three units" JOINERS=1 CANCELS=1 TIME=1
        holds "a queue and its worker, two units" QUEUE=1 JOINERS=2 CANCELS=1 $two
        holds "out without the total that was known" MUTATION=ANY_KNOWN LOST=1 ROBBERIES=1 SHARDS=3 CRASHES=1
        holds "out without a new version" MUTATION=OUT_UNSEEN CLIENTS=3 CANCELS=1 $two
    fi
}

# shellcheck disable=SC2086 # they are several options
failover() {
    holds "a failover" FAILOVERS=1 CRASHES=1
    holds "a failover, holds end" FAILOVERS=1 TIME=1 $two CRASHES=0
    holds "a failover, late confirms" FAILOVERS=1 CONFIRMS=1 $two CRASHES=1
    holds "a failover, a queue" FAILOVERS=1 QUEUE=1 JOINERS=2 CANCELS=1 CRASHES=0 FIRST=0 $one
    holds "two failovers" FAILOVERS=2 CRASHES=0 $two
    if [[ -n $full ]]; then
        holds "a failover, three shards" FAILOVERS=1 SHARDS=3 CRASHES=1 $two
        holds "a failover, three clients" FAILOVERS=1 CLIENTS=3 CRASHES=0 $two
        holds "a failover, late confirms, holds end" FAILOVERS=1 CONFIRMS=1 TIME=1 CRASHES=0 $two
        holds "a failover, a queue, two units" FAILOVERS=1 QUEUE=1 JOINERS=1 CRASHES=1 $two
        holds "two failovers, repeated, robbed" FAILOVERS=2 LOST=1 ROBBERIES=1 CRASHES=1 $two
        holds "two failovers, three clients" FAILOVERS=2 CLIENTS=3 JOINERS=1 HOMES=1 TWO_UNITS=2 UNITS=2 CRASHES=0
    fi
}

# shellcheck disable=SC2086 # they are several options
orders() {
    holds "orders, late, expired" CONFIRMS=1 ORDERS=1 TIME=1 REFUNDS=1 $one
    holds "a failover" CONFIRMS=1 ORDERS=1 FAILOVERS=1 CRASHES=1 $one
    holds "a failover, refunds" CONFIRMS=1 ORDERS=1 REFUNDS=1 FAILOVERS=1 CRASHES=0 FIRST=0 $one
    if [[ -n $full ]]; then
        holds "orders, two units" CONFIRMS=1 ORDERS=1 TIME=1 CRASHES=1 $two
        holds "a failover, late, expired" CONFIRMS=1 ORDERS=1 TIME=1 FAILOVERS=1 CRASHES=0 $one
        holds "a failover, refunds, crashes" CONFIRMS=1 ORDERS=1 REFUNDS=1 FAILOVERS=1 CRASHES=1 $one
        holds "two failovers" CONFIRMS=1 ORDERS=1 FAILOVERS=2 CRASHES=0 $one
    fi
}

# shellcheck disable=SC2086 # they are several options
liveness() {
    holds "two shards" FAIR
    holds "holds end, late" FAIR TIME=1 CONFIRMS=1 CRASHES=1 $two
    holds "a failover" FAIR FAILOVERS=1 CRASHES=1 $two
    holds "a queue" FAIR QUEUE=1 JOINERS=1 CRASHES=1 $two
    if [[ -n $full ]]; then
        holds "three shards" FAIR SHARDS=3
        holds "three clients" FAIR CLIENTS=3 $two
        holds "two failovers" FAIR FAILOVERS=2 CRASHES=0 $two
        holds "a failover, a queue" FAIR FAILOVERS=1 QUEUE=1 JOINERS=1 CRASHES=0 $two
    fi
}

# shellcheck disable=SC2086 # they are several options
broken() {
    local once="FAILOVERS=1 CRASHES=0" pair="$two CRASHES=0" order="CONFIRMS=1 ORDERS=1 FAILOVERS=1 CRASHES=1 $one"
    local three="CLIENTS=3 UNITS=2 QUANTITIES=1 CRASHES=0"
    breaks TAKE_THEN_SERVE $pair
    breaks TAKE_TOO_FEW $pair
    breaks ANY_DIRECTION $pair
    breaks ANY_LEAST $pair
    breaks ROB_AT_ONCE $pair
    breaks NEVER_TAKE_OVER FAIR CRASHES=1 $two
    breaks TAKE_TOTAL $pair
    breaks NO_TRANSIT $pair
    breaks SUM_OF_TOTALS $two $once
    breaks ONE_ROUND $three CANCELS=1
    breaks TAKE_UNSEEN CLIENTS=3 $once HOMES=1
    breaks BACK_UNSEEN $three TIME=1
    breaks CANCEL_UNSEEN $three CANCELS=1
    breaks BOOK_UNSEEN CLIENTS=3 JOINERS=1 HOMES=1 TWO_UNITS=2 UNITS=2 FIRST=1 FAILOVERS=2 CRASHES=0
    breaks KEEP_OVERDUE $pair TIME=1
    breaks PROVE_LATER $one JOINERS=1 CANCELS=1 CRASHES=0
    breaks PROVE_LATER $one QUEUE=1 JOINERS=2 CANCELS=1 CRASHES=0
    breaks PROVE_ALL $pair JOINERS=1
    breaks ROUNDS_ANY_EPOCH $three FAILOVERS=1
    breaks PROOF_ANY_EPOCH $one QUEUE=1 JOINERS=2 CANCELS=1 $once
    breaks VOID_UNPROVEN $pair TIME=1 CONFIRMS=1
    breaks NEVER_BOOK $two $once
    breaks BOOK_FOR_NOTHING $two $once
    breaks DEBT_UNPAID FAIR $two $once
    breaks NO_INVENTORY $order
    breaks NO_REPLAY $order
    breaks REPLAY_ONCE $order
    breaks REPLAY_IF_STOCK $order TIME=1
    breaks REPLAY_REFUNDED $order REFUNDS=1
    breaks NO_TOMBSTONE $order REFUNDS=1
    breaks START_BLIND $order
}

check "$@"
