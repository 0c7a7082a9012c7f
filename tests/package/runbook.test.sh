#!/usr/bin/env bash
# examples/README.md's runbook: every command in it is run, in its order, against a cluster of three masters and three replicas with
# the configuration of examples/ops, and must print what stands below it. Services are what the units say, without systemd.
#
# Some steps are about what goes wrong: the function before_... named after the step's heading makes it go wrong.
set -euo pipefail
# shellcheck source=tests/integration/demo_common.sh
source "$(dirname "${BASH_SOURCE[0]}")/../integration/demo_common.sh"

# skip REASON
skip() {
    echo "skipped: $1"
    exit 77
}

for program in jq curl openssl nginx mariadbd; do
    PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || skip "there is no $program"
done
cli=$(command -v valkey-cli || command -v redis-cli) || skip "there is no redis-cli"
database="" ops=$SECKILL_SOURCE_DIR/examples/ops etc=$scratch/etc lib=$scratch/lib folder=$scratch
mkdir -p "$etc" "$lib" "$scratch/bin" "$scratch/run"
for program in "$ctl" "$front" "$worker"; do
    ln -s "$program" "$scratch/bin/"
done
export PATH=$scratch/bin:$PATH REDISCLI_AUTH=ADMIN-PASSWORD

# ---- what examples/demo_cluster.sh needs

alive() {
    kill -0 "$1" 2>/dev/null || fail "$2 does not run any more: $(tail -n 20 "$3")"
}

forget() {
    local i
    for i in "${!pids[@]}"; do
        [[ ${pids[i]} != "$1" ]] || unset "pids[i]"
    done
    pids=("${pids[@]}")
}

quietly() {
    expect 0 "$@"
}

listed() {
    echo "$*"
}

# Valkey alone (Debian 13) has its tools by its own name.
command -v redis-cli >/dev/null || redis-cli() {
    valkey-cli "$@"
}

program=$ctl ctl=()
# shellcheck source=examples/demo_cluster.sh
source "$SECKILL_SOURCE_DIR/examples/demo_cluster.sh"
ctl=("$program" --redis-user operator --redis-password-file "$etc/operator-password" --replicas 1)

# launch NUMBER: a server, with the configuration that is recommended. The rest are ports and places.
launch() {
    local at=$scratch/node-$1
    mkdir -p "$at"
    "$redis" "$ops/redis.conf" --include "$ops/redis-cluster.conf" --aclfile "$ops/users.acl" --bind 127.0.0.1 \
        --port "${node_ports[$1]}" --cluster-port "${node_buses[$1]}" --dir "$at" --set-proc-title no >>"$at/log" 2>&1 &
    node_pids[$1]=$!
    pids+=("$!")
}

# ---- services: what systemctl makes of a unit

# gone PID: it has ended, though nobody may have taken notice
gone() {
    local stat
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
    [[ ${stat##*) } == [ZX]* ]]
}

# service_start PLACE UNIT-FILE INSTANCE
service_start() {
    local line credentials=$scratch/credentials/$1 credential environment
    [[ ! -e $scratch/run/$1 ]] || ! kill -0 "$(<"$scratch/run/$1")" 2>/dev/null || return 0
    line=$(on_this_machine <<<"$(sed -n 's/^ExecStart=//p' "$2")")
    mkdir -p "$credentials"
    while IFS=: read -r name credential; do
        (umask 077 && cat "$(on_this_machine <<<"$credential")" >"$credentials/$name")
    done < <(sed -n 's/^LoadCredential=//p' "$2")
    line=${line//%i/$3} line=${line//%d/$credentials}
    environment=$(on_this_machine <<<"$(sed -n 's/^EnvironmentFile=//p' "$2")")
    (
        set -a
        # shellcheck source=/dev/null
        source "${environment:-/dev/null}"
        cd /
        # systemd takes an unquoted variable apart at its blanks, as a shell does.
        eval "exec $line"
    ) >>"$scratch/$1.log" 2>&1 &
    echo "$!" >"$scratch/run/$1"
}

# service_stop PLACE UNIT-FILE
service_stop() {
    local pid i most signal
    pid=$(<"$scratch/run/$1")
    signal=$(sed -n 's/^KillSignal=SIG//p' "$2") most=$(sed -n 's/^TimeoutStopSec=//p' "$2")
    kill -s "$signal" "$pid"
    for ((i = 0; i < most * 20; i++)); do
        ! gone "$pid" || break
        sleep 0.05
    done
    gone "$pid" || fail "$1 does not end within TimeoutStopSec"
    rm "$scratch/run/$1"
}

# systemctl VERB UNIT...
systemctl() {
    local verb=$1 unit file instance
    shift
    for unit in "$@"; do
        file=$ops/$unit.service instance=""
        [[ $unit != *@* ]] || file=$ops/${unit%@*}@.service instance=${unit#*@}
        [[ -e $file ]] || fail "there is no $file"
        case $verb in
        start) service_start "$unit" "$file" "$instance" ;;
        stop) service_stop "$unit" "$file" ;;
        restart) service_stop "$unit" "$file" && service_start "$unit" "$file" "$instance" ;;
        reload) MAINPID=$(<"$scratch/run/$unit") bash -c "$(sed -n 's/^ExecReload=//p' "$file")" ;;
        *) fail "systemctl $verb is not known here" ;;
        esac
    done
}

# Gives the files of seckill.tmpfiles.conf, as far as they are there, their modes; everybody is one user here.
systemd-tmpfiles() {
    local path mode
    while read -r _ path mode _; do
        path=$(on_this_machine <<<"$path")
        [[ ! -e $path ]] || chmod "$mode" "$path"
    done < <(grep '^[dz]' "$ops/seckill.tmpfiles.conf")
}

# The user is who runs this.
systemd-sysusers() {
    :
}

# shellcheck disable=SC2317 # called by a trap
end_all() {
    local file
    for file in "$scratch"/run/*; do
        [[ ! -e $file ]] || pids+=("$(<"$file")")
    done
    # The database takes its time, and its script must not be killed before it.
    { [[ -z $database ]] || { kill "$database" && wait "$database"; }; } 2>/dev/null || true
    clean_up
}
trap end_all EXIT

# ---- places and times of the runbook are others here

declare -A ports=()

# Of standard input. What is to happen weeks or half an hour from now happens now; a hold is over soon.
on_this_machine() {
    local name script=()
    for name in "${!ports[@]}"; do
        script+=(-e "s/\\b$name\\b/${ports[$name]}/g")
    done
    sed "${script[@]}" -e "s|/etc/seckill|$etc|g" -e "s|/var/lib/seckill|$lib|g" -e "s|/usr/local/bin/||g" \
        -e "s|examples/edge/run|$SECKILL_SOURCE_DIR/&  --library $SECKILL_BUILD_DIR/lib/libseckill.so|" \
        -e "s|examples/ops/|$ops/|g" -e "s/10\.0\.0\.41/127.0.0.1:${ports[3306]}/g" \
        -e "s/'\*:443'/127.0.0.1:${ports[443]}/" -e "s/--user seckill/--user $(id -un)/" -e "s/shop\.example/localhost:${ports[443]}/g" \
        -e 's/\b10\.0\.0\.21\b/127.0.0.1/g' -e 's/--start 2026-06-18T00:00:00+08:00/--start now/' -e 's/--hold 5m/--hold 3s/'
}

# ---- what goes wrong, and who buys meanwhile

# shop_for SHOPPERS: a crowd of so many, all other users
crowds=0
shop_for() {
    crowds=$((crowds + 1))
    "$shoppers" --front "127.0.0.1:${ports[8082]}" --activity 618 --item phone --shoppers "$1" --connections 50 \
        --session-keys "$etc/keys" --seed "$crowds" >"$scratch/crowd.log" 2>&1 ||
        fail "the shoppers end with $?: $(cat "$scratch/crowd.log")"
}

before_the_sale() {
    shop_for 200
}

before_a_master_dies() {
    local victim victim_shards slots owners served
    choose_victim 618/phone
    bury "$victim"
    echo "  the master at port ${node_ports[$victim]} is killed"
    killed=$victim
}

# It comes back when it was read who serves its shards.
before_when_it_is_back() {
    launch "$killed"
}

before_the_database_is_away() {
    kill "$database"
    wait "$database" || true
    forget "$database"
    shop_for 100
}

before_it_is_mended() {
    (($("${ctl[@]}" stock get 618/phone --field total.events) > 0)) || fail "no event waits while the database is away"
    start_database
}

before_a_worker_a_front_the_keys_are_replaced() {
    shop_for 200
}

# start_database: with the configuration that is recommended
start_database() {
    local options
    mapfile -t options < <(sed -n 's/ *= */=/; s/^[a-z]/--&/p' "$ops/mariadb.cnf")
    rm -f "$scratch/database.ready"
    mkfifo "$scratch/database.ready"
    bash "$SECKILL_SOURCE_DIR/examples/common/mariadb.sh" "$scratch/database" "${options[@]}" --skip-networking=0 \
        --bind-address=127.0.0.1 --port="${ports[3306]}" >"$scratch/database.ready" 2>"$scratch/database.log" &
    database=$!
    pids+=("$database")
    read -r -t 60 <"$scratch/database.ready" || fail "MariaDB does not start: $(cat "$scratch/database.log")"
}

# The administrator's.
mariadb() {
    command mariadb --no-defaults --user=root --socket="$scratch/database/mariadb.sock" "$@"
}

# ---- the runbook

# read_runbook: into files NUMBER.HEADING.run and NUMBER.HEADING.wanted
read_runbook() {
    awk -v folder="$scratch/steps" '
        /^##+ / { heading = tolower($0); gsub(/[^a-z]+/, "_", heading); gsub(/^_|_$/, "", heading) }
        /^```/ { kind = ""; if (inside) { inside = 0; next } inside = 1 }
        $0 == "```sh runbook" { name = sprintf("%s/%03d.%s", folder, ++steps, heading); kind = "run"; next }
        $0 == "```text" { kind = "wanted"; next }
        inside && kind != "" { print > (name "." kind) }' "$SECKILL_SOURCE_DIR/examples/README.md"
}

# agrees FILE OUTPUT: each line of it stands in the output, in this order; "..." is anything, and so are more blanks
agrees() {
    awk -v wanted="$1" '
        { gsub(/[ \t]+/, " "); got[NR] = $0 }
        END {
            at = 0
            while ((getline line < wanted) > 0) {
                gsub(/[ \t]+/, " ", line)
                for (at++; at <= NR; at++) if (fits(line, got[at])) break
                if (at > NR) { print "It does not say: " line "\n"; exit 1 }
            }
        }
        function fits(line, text,  parts, count, i, place) {
            count = split(line, parts, /\.\.\./)
            for (i = 1; i <= count; i++) {
                gsub(/^ | $/, "", parts[i])
                place = index(text, parts[i])
                if (parts[i] != "" && !place) return 0
                text = substr(text, place + length(parts[i]))
            }
            return 1
        }' "$2"
}

# run_step FILE: its commands; the shell of the first step is every step's
run_step() {
    local step=${1%.run} code=0 before
    before=${step##*/} before=before_${before#*.}
    if ! [[ " ${done_before[*]-} " == *" $before "* ]]; then
        done_before+=("$before")
        ! declare -F "$before" >/dev/null || "$before"
    elif [[ $before == before_a_master_dies ]]; then
        before_when_it_is_back
    elif [[ $before == before_the_database_is_away ]]; then
        before_it_is_mended
    fi
    set +e # what stands before || would not end at a command that fails
    (
        set -e
        cd "$scratch/work"
        eval "$(on_this_machine <"$first_step")"
        eval "$(on_this_machine <"$1")"
    ) >"$scratch/output" 2>&1
    code=$?
    set -e
    echo "$(sed 's/^[0-9]*\.//; s/_/ /g' <<<"${step##*/}"): $(grep -c . "$1") lines"
    ((code == 0)) || fail "a command ends with $code: $(<"$1")"
    [[ ! -e $step.wanted ]] || agrees <(on_this_machine <"$step.wanted") "$scratch/output" || fail "of these commands: $(<"$1")"
}

prepare() {
    local number name
    start_cluster
    for name in 443 3306 9080 8081 8082 9101 9102; do
        free_port
        ports[$name]=$port
    done
    for number in 0 1 2; do
        ports[10.0.0.1$((number + 1)):6379]=127.0.0.1:${node_ports[$number]}
    done
    for name in front worker operator edge; do
        (umask 077 && echo "${name^^}-PASSWORD" >"$etc/$name-password")
    done
    # Nobody stands before the fronts who would say where shoppers are.
    on_this_machine <"$ops/seckill.env" | sed 's/ --trust-address-header [^ "]*//' >"$etc/seckill.env"
    for name in worker operator migrator; do
        (umask 077 && printf '[seckill]\npassword=%s-PASSWORD\n' "${name^^}" >"$etc/orders-$name.cnf")
    done
    start_database
    # mariadb.sh has made one, with a user who may do everything.
    mariadb <<<"DROP DATABASE seckill; DROP USER seckill@localhost; CREATE DATABASE shop;
        CREATE TABLE shop.goods (sku VARCHAR(20) PRIMARY KEY, stock INT NOT NULL); INSERT INTO shop.goods VALUES ('phone', 5000);"
    mkdir "$scratch/steps" "$scratch/work"
    expect 0 openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost -keyout "$etc/shop-key.pem" -out "$etc/shop.pem"
    export CURL_CA_BUNDLE=$etc/shop.pem
    read_runbook
}

prepare
all=("$scratch"/steps/*.run) done_before=()
first_step=${all[0]}
((${#all[@]} >= 20)) || fail "the runbook has ${#all[@]} steps only"
for step in "${all[@]}"; do
    run_step "$step"
done
[[ -s $scratch/work/phone.csv ]] || fail "nothing was exported"
for name in 8081 8082 9101 9102; do
    grep -qE "stopping|orders written and" "$scratch"/seckill-*@"${ports[$name]}.log" || fail "what listens on $name was not stopped in order"
done
left=$(mariadb --batch --skip-column-names -e "SELECT 5000 - (SELECT stock FROM shop.goods) - (SELECT sum(quantity) FROM seckill.orders
    WHERE item = 'phone' AND state = 'confirmed')")
((left == 0)) || fail "$left units of the shop's goods are neither sold nor back"
