# Sourced by examples/demo --cluster: a Redis Cluster of its own, and the death of one of its masters in the middle of a sale.
#
# Servers have numbers: 0 to 2 begin as masters, 3 to 5 as their replicas. Who is what later, the cluster says itself.
# shellcheck shell=bash disable=SC2034,SC2154 # variables of examples/demo

# The front does not wait for a failover but answers "unknown" after a second, and shoppers ask again. After it nothing expires
# for another second, in which the worker replays the orders of before.
masters=3 servers=6 patience=1s skew=1s lasting=(--replicas 1) ctl+=("${lasting[@]}")
node_pids=() node_ports=() node_buses=() taken_ports=()
declare -gA story=() granted_before=() killed_shards=()

# ---- servers

# node NUMBER COMMAND...: asks it
node() {
    "$cli" -h 127.0.0.1 -p "${node_ports[$1]}" "${@:2}" 2>&1
}

# node_at PORT: its number
node_at() {
    local number
    for number in "${!node_ports[@]}"; do
        if ((node_ports[number] == $1)); then
            echo "$number"
        fi
    done
}

# free_port: $port is one that nobody listens on, below those that connections are given
free_port() {
    local tries
    for ((tries = 0; tries < 200; tries++)); do
        port=$((20000 + RANDOM % 10000))
        if [[ " ${taken_ports[*]} " != *" $port "* ]] && ! (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            taken_ports+=("$port")
            return
        fi
    done
    fail 3 "there are no free ports from 20000 on"
}

# launch NUMBER: on its ports. What the sale may not lose is on two servers, so that none needs its disk. A part of the cluster
# that is gone does not stop the others.
launch() {
    local at=$folder/node-$1
    mkdir -p "$at"
    "$redis" --bind 127.0.0.1 --port "${node_ports[$1]}" --cluster-enabled yes --cluster-port "${node_buses[$1]}" --dir "$at" \
        --cluster-node-timeout 1000 --cluster-require-full-coverage no --repl-diskless-sync-delay 0 --save "" --appendonly no \
        --maxmemory-policy noeviction --shutdown-timeout 0 --set-proc-title no >>"$at/log" 2>&1 &
    node_pids[$1]=$!
    pids+=("$! ${redis##*/}")
}

# Whether it is that process that answers at its port.
is_there() {
    [[ $(node "$1" info server) == *process_id:"${node_pids[$1]}"[!0-9]* ]]
}

# start_node NUMBER: somebody else may take a port between looking and listening; then on others
start_node() {
    local tries
    for ((tries = 0; tries < 5; tries++)); do
        free_port
        node_ports[$1]=$port
        free_port
        node_buses[$1]=$port
        launch "$1"
        while kill -0 "${node_pids[$1]}" 2>/dev/null; do
            sleep 0.02
            ! is_there "$1" || return 0
        done
        forget "${node_pids[$1]}"
    done
    tail -n 5 "$folder/node-$1/log" >&2
    fail 3 "${redis##*/} does not start; above is what it said last"
}

# until_all WHAT TEST: until TEST NUMBER is true of each server; WHAT is said where that takes too long
until_all() {
    local number since=$SECONDS
    for ((number = 0; number < servers; number++)); do
        until "$2" "$number"; do
            alive "${node_pids[$number]}" "the server at 127.0.0.1:${node_ports[$number]}" "$folder/node-$number/log"
            ((SECONDS - since < 20)) || fail 3 "$1"
            sleep 0.02
        done
    done
}

# Makes a replica one; it must have heard of its master.
knows_its_place() {
    (($1 < masters)) || [[ $(node "$1" cluster replicate "${ids[$1 % masters]}") == OK* ]]
}

# Whether it sees a whole cluster, and is in sync with its master, or has a replica that is.
is_whole() {
    local nodes replication
    [[ $(node "$1" cluster info) == *cluster_state:ok* ]] || return 1
    nodes=$(node "$1" cluster nodes)
    [[ $nodes != *handshake* && $nodes != *fail* && $(grep -c 'slave [0-9a-f]' <<<"$nodes") == $((servers - masters)) ]] || return 1
    replication=$(node "$1" info replication)
    [[ $replication == *master_link_status:up* || $replication == *state=online* ]]
}

# start_cluster: SECKILL_REDIS names the masters
start_cluster() {
    local number ids=() since=${EPOCHREALTIME/[^0-9]/} first last
    echo "Starting a Redis Cluster: $masters masters, each with a replica."
    for ((number = 0; number < servers; number++)); do
        start_node "$number"
    done
    for ((number = 0; number < masters; number++)); do
        first=$((16384 * number / masters)) last=$((16384 * (number + 1) / masters - 1))
        quietly node "$number" cluster addslotsrange "$first" "$last"
        quietly node "$number" cluster set-config-epoch $((number + 1))
        ids+=("$(node "$number" cluster myid)")
    done
    for ((number = 1; number < servers; number++)); do
        quietly node 0 cluster meet 127.0.0.1 "${node_ports[$number]}" "${node_buses[$number]}"
    done
    until_all "the servers do not find each other" knows_its_place
    until_all "the cluster does not form" is_whole
    export SECKILL_REDIS=127.0.0.1:${node_ports[0]},127.0.0.1:${node_ports[1]},127.0.0.1:${node_ports[2]}
    echo "It is whole after $(seconds_since "$since") s: the masters at ports $(listed "${node_ports[@]:0:masters}")," \
        "replicas at $(listed "${node_ports[@]:masters}")."
}

check_cluster() {
    local number
    for ((number = 0; number < servers; number++)); do
        alive "${node_pids[$number]}" "the server at 127.0.0.1:${node_ports[$number]}" "$folder/node-$number/log"
    done
}

# ---- who serves what

# seconds_between MICROSECONDS MICROSECONDS: 2.4
seconds_between() {
    local tenths=$((($2 - $1) / 100000))
    echo "$((tenths / 10)).$((tenths % 10))"
}

seconds_since() {
    seconds_between "$1" "${EPOCHREALTIME/[^0-9]/}"
}

# shards_named NUMBER...
shards_named() {
    local noun=shards
    (($# > 1)) || noun=shard
    echo "$noun $(listed "$@")"
}

# read_slots ITEM: ${slots[shard]}
read_slots() {
    mapfile -t slots < <("${ctl[@]}" item get "$1" --json |
        sed -n '/^  "tags"/,/]/s|^ *"\([^"]*\)",\{0,1\}$|cluster keyslot "{'"$1"'/\1}"|p' | node 0)
}

# read_owners NUMBER: ${owners[shard]} is the number of the server that serves it, as this one knows
read_owners() {
    local at flags ranges range shard
    owners=()
    while read -r _ at flags _ _ _ _ _ ranges; do
        [[ $flags == *master* && $flags != *fail* ]] || continue
        at=${at%%@*}
        for range in $ranges; do
            for shard in "${!slots[@]}"; do
                if ((slots[shard] >= ${range%-*} && slots[shard] <= ${range#*-})); then
                    owners[shard]=$(node_at "${at##*:}")
                fi
            done
        done
    done < <(node "$1" cluster nodes)
}

# shards_of NUMBER: of the item
shards_of() {
    local shard
    for shard in "${!owners[@]}"; do
        if ((owners[shard] == $1)); then
            echo "$shard"
        fi
    done
}

# read_stock ITEM: of its units $taken are reserved or sold, $sold of them sold; $moved moved between shards, in $transfers;
# ${grants[shard]} were ever granted there
read_stock() {
    local numbers code=0
    begin seckill-ctl "${ctl[@]}" stock get "$1" --timeout 20s --json >"$folder/stock.json"
    wait "$begun" || code=$?
    forget "$begun"
    if ((code != 0)); then
        cat "$folder/stock.json" >&2
        fail 3 "the stock of $1 cannot be read; above is what seckill-ctl said"
    fi
    # Each unit that was granted counts where it is, or as what came of it.
    read -r -a numbers < <(awk -F '[":, ]+' '
        $2 == "shard" { shard = $3; shards++ }
        shards == 0 { total[$2] = $3 }
        shards > 0 && $2 ~ /^(reserved|sold|cancelled|expired|refunded)$/ { granted[shard] += $3 }
        END {
            printf "%d %d", total["reserved"] + total["sold"], total["sold"]
            printf " %d %d", total["transferred_out"], total["transfers"]
            for (i = 0; i < shards; i++) printf " %d", granted[i]
            print ""
        }' "$folder/stock.json")
    taken=${numbers[0]} sold=${numbers[1]} moved=${numbers[2]} transfers=${numbers[3]} grants=("${numbers[@]:4}")
}

# granted_on SHARD...: units, by the last read_stock
granted_on() {
    local sum=0 shard
    for shard in "$@"; do
        sum=$((sum + grants[shard]))
    done
    echo "$sum"
}

# ---- the death of a master

# choose_victim ITEM: $victim serves the most shards of it, $victim_shards
choose_victim() {
    local number served
    victim_shards=()
    read_slots "$1"
    read_owners 0
    for ((number = 0; number < servers; number++)); do
        mapfile -t served < <(shards_of "$number")
        if ((${#served[@]} > ${#victim_shards[@]})); then
            victim=$number victim_shards=("${served[@]}")
        fi
    done
    ((${#victim_shards[@]} > 0)) || fail 3 "no master serves a shard of $1"
}

# wait_for_half ITEM: until half of what this crowd can take is taken
wait_for_half() {
    local most=$((shoppers < units ? shoppers : units))
    read_stock "$1"
    while ((2 * taken < most)) && kill -0 "$crowd_pid" 2>/dev/null; do
        sleep 0.02
        read_stock "$1"
    done
}

# bury NUMBER: kills it, and waits until it is gone
bury() {
    { kill -s KILL "${node_pids[$1]}" && wait "${node_pids[$1]}"; } 2>/dev/null || true
    forget "${node_pids[$1]}"
}

# find_heir: $heir serves the victim's shards. It does already, but not every server has heard of it.
find_heir() {
    local since=$SECONDS
    heir=""
    until [[ -n $heir && $heir != "$victim" ]]; do
        ((SECONDS - since < 20)) || fail 3 "the cluster does not say who serves what the killed server did"
        sleep 0.02
        read_owners $(((victim + 1) % servers))
        heir=${owners[${victim_shards[0]}]-}
    done
}

# kill_a_master MODE: in the middle of its sale, which began at $opened
kill_a_master() {
    local item=${items[$1]} victim="" heir killed all here served_after whole_after
    local victim_shards=() slots=() owners=() taken sold moved transfers grants=()
    choose_victim "$item"
    wait_for_half "$item"
    bury "$victim"
    killed=${EPOCHREALTIME/[^0-9]/} all=$(granted_on "${!grants[@]}") here=$(granted_on "${victim_shards[@]}")
    say "$(grouped "$taken") units are taken, $(grouped "$sold") of them sold. The master at port ${node_ports[$victim]}, which \
serves $(shards_named "${victim_shards[@]}"), has been killed; its replica takes over."
    read_stock "$item" # waits until all shards answer
    served_after=$(seconds_since "$killed") all=$(($(granted_on "${!grants[@]}") - all - $(granted_on "${victim_shards[@]}") + here))
    find_heir
    say "After $served_after s its replica at port ${node_ports[$heir]} serves them; meanwhile $(grouped "$all") \
units were granted on the others."
    launch "$victim"
    until_all "the killed server does not become a replica" is_whole
    whole_after=$(seconds_since "$killed")
    say "After $whole_after s the killed server is back, as its replica, and in sync: there, too, answers are on two servers again."
    granted_before[$1]=$here killed_shards[$1]=${victim_shards[*]}
    story[$1]="The master at port ${node_ports[$victim]} was killed $(seconds_between "$opened" "$killed") s after the first \
shoppers came. It served $(shards_named "${victim_shards[@]}") of $item, which had a server again after $served_after s and a \
replica again after $whole_after s."
}

# tell: what happened, sale by sale
tell() {
    local each numbers before after taken sold moved transfers grants=()
    for each in "${modes[@]}"; do
        read_stock "${items[$each]}"
        read -r -a numbers <<<"${killed_shards[$each]}"
        before=${granted_before[$each]} after=$(($(granted_on "${numbers[@]}") - before))
        printf '\n%s\n' "${each^}: ${story[$each]} $(grouped "$before") units had been granted there before, \
$(grouped "$after") were granted there afterwards. $(grouped "$transfers") transfers moved $(grouped "$moved") units between \
shards. $(what_was_lost "$each")" | fold -s -w 118 | sed 's/ *$//'
    done
}

# what_was_lost MODE
what_was_lost() {
    if [[ -n ${wrong[$1]-} ]]; then
        echo "Something is wrong, see above."
    else
        echo "Nothing that was acknowledged was lost: $(grouped "$sold") units are sold, and those are the orders that shoppers saw."
    fi
}
