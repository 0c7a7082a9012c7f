# Sourced by examples/demo --full: the parts of a shop that outgrew one machine, each of them the real server, and who did what.
#
#   shoppers -- TLS --> nginx with Lua -- HTTP --> two fronts --> RabbitMQ --> two workers --> Redis Cluster --> MariaDB
# shellcheck shell=bash disable=SC2034,SC2154 # variables of examples/demo, and of demo_cluster.sh

queue="" edge="" edge_private="" worker_ports=() database=""

# ---- starting

# wait_for_line NAME LOG PIPE: $line is the first that comes through the pipe, within a minute
wait_for_line() {
    line=""
    read -r -t 60 line <"$3" || true
    [[ -n $line ]] || { alive "$begun" "$1" "$2"; fail 3 "$1 is not ready after a minute; its log: $(tail -n 5 "$2")"; }
}

# begin_server NAME COMMAND...: $line is what it says first on standard output. A group of its own, so that what the command itself
# has begun ends with it, whenever that is.
begin_server() {
    local name=$1 log=$folder/$1.log
    shift
    mkfifo "$folder/$name.ready"
    setsid "$@" >"$folder/$name.ready" 2>"$log" &
    begun=$!
    pids+=("-$begun $name")
    wait_for_line "$name" "$log" "$folder/$name.ready"
}

start_mariadb() {
    begin_server MariaDB "$top/examples/common/mariadb.sh" "$folder/mariadb"
    orders=${line##* } database=$begun
    quietly "${ctl[@]}" orders migrate --orders "$orders"
}

start_rabbitmq() {
    begin_server RabbitMQ "$top/examples/common/rabbitmq.sh" "$folder/rabbitmq"
    queue=${line##* }
}

start_full() {
    local since=${EPOCHREALTIME/[^0-9]/}
    start_cluster
    echo "Starting MariaDB and RabbitMQ."
    start_mariadb
    start_rabbitmq
    queue_options=(--queue "$queue")
    echo "They serve after $(seconds_since "$since") s."
}

# start_edge: nginx in front of both fronts; and what speaks TLS for the shoppers, who cannot themselves
start_edge() {
    local front fronts=() address
    for front in "${!front_pids[@]}"; do
        fronts+=(--front "${addresses[$front]}")
    done
    begin_server nginx "$top/examples/edge/run" "${fronts[@]}" --keys "$folder/keys" --cluster "$SECKILL_REDIS" \
        --library "$programs/lib/libseckill.so" --address-rate 1000000 --address-burst 1000000 --workers 2 \
        --certificate "$folder/certificate.pem" --certificate-key "$folder/certificate-key.pem" \
        --set "poll_min_ms=$poll_min" --set "poll_max_ms=$poll_max"
    [[ $line =~ ^listening\ on\ https://([^,]+),\ private\ on\ (http://.*)$ ]] || fail 3 "the edge does not say where it is: $line"
    edge=${BASH_REMATCH[1]} edge_private=${BASH_REMATCH[2]}
    free_port
    address=127.0.0.1:$port
    write_tls "$address" >"$folder/tls.conf"
    begin TLS nginx -e "$folder/tls.log" -c "$folder/tls.conf"
    until (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
        alive "$begun" "the shoppers' side of TLS" "$folder/tls.log"
        sleep 0.02
    done
    addresses[edge]=$address
}

make_certificate() {
    quietly openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
        -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" -keyout "$folder/certificate-key.pem" -out "$folder/certificate.pem"
}

# write_tls ADDRESS: what comes there in plain goes to the edge by TLS, whose certificate is looked at
write_tls() {
    local modules
    modules=$(first_folder /usr/lib/nginx/modules /usr/lib64/nginx/modules)
    cat <<END
load_module $modules/ngx_stream_module.so;
daemon off;
worker_processes 1;
pid $folder/tls.pid;
error_log $folder/tls.log warn;
events {
    worker_connections 4096;
}
stream {
    server {
        listen $1 backlog=1024;
        proxy_pass $edge;
        proxy_ssl on;
        proxy_ssl_verify on;
        proxy_ssl_trusted_certificate $folder/certificate.pem;
        proxy_ssl_name localhost;
        proxy_ssl_session_reuse on;
    }
}
END
}

# first_folder FOLDER...: the first that has nginx' modules
first_folder() {
    local each
    for each; do
        if [[ -e $each/ngx_stream_module.so ]]; then
            echo "$each"
            return
        fi
    done
    fail 3 "nginx has no stream module"
}

# start_fronts: two, with the queue in RabbitMQ, behind the edge
start_fronts() {
    make_certificate
    front_options=("${queue_options[@]}" --trust-address-header X-Real-IP)
    start_front queued
    start_front other
    start_edge
}

# Before anybody decides, as many wait there as it has confirmed.
waiting_in_rabbitmq() {
    local both
    fetch front-1 "http://${addresses[queued]}/metrics"
    fetch front-2 "http://${addresses[other]}/metrics"
    of_both front seckill_front_queue_published_total 'result="confirmed"'
    echo $((both[0] + both[1]))
}

start_workers() {
    local number
    for number in 0 1; do
        free_port
        worker_ports+=("$port")
        start_worker "${queue_options[@]}" --listen "127.0.0.1:$port"
    done
}

# ---- who did what

# metric PAGE NAME: the sum of all of its lines in a page that was fetched
metric() {
    awk -v name="$2" '{ at = $1; sub(/\{.*/, "", at) } at == name { sum += $2 } END { printf "%d", sum }' "$folder/$1.metrics"
}

# metric_of PAGE NAME LABEL: of the lines that have this label, such as result="confirmed"
metric_of() {
    awk -v name="$2" -v label="$3" 'index($1, name "{") == 1 && index($1, label) { sum += $2 } END { printf "%d", sum }' \
        "$folder/$1.metrics"
}

# fetch PAGE URL
fetch() {
    curl -sSf --max-time 10 "$2" -o "$folder/$1.metrics" || fail 3 "there are no metrics at $2"
}

fetch_metrics() {
    fetch edge "$edge_private/edge/metrics"
    fetch front-1 "http://${addresses[queued]}/metrics"
    fetch front-2 "http://${addresses[other]}/metrics"
    fetch worker-1 "http://127.0.0.1:${worker_ports[0]}/metrics"
    fetch worker-2 "http://127.0.0.1:${worker_ports[1]}/metrics"
}

# row WHO WHAT NUMBER...: more than one number: of each, and their sum
row() {
    local sum=0 each text=""
    for each in "${@:3}"; do
        sum=$((sum + each))
        text+=" + $(grouped "$each")"
    done
    (($# > 3)) || text=""
    printf '%-14s %-46s %10s%s\n' "$1" "$2" "$(grouped "$sum")" "${text:+  = ${text# + }}"
}

# of_both PROGRAM NAME [LABEL]: $both has the number of each
of_both() {
    local each
    both=()
    for each in 1 2; do
        if (($# > 2)); then
            both+=("$(metric_of "$1-$each" "$2" "$3")")
        else
            both+=("$(metric "$1-$each" "$2")")
        fi
    done
}

who_did_what() {
    local both by_edge passed
    fetch_metrics
    by_edge=$(metric edge seckill_edge_answers_total) passed=$(metric edge seckill_edge_passed_total)
    echo
    echo "== Who did what"
    echo
    row nginx "requests answered by itself" "$by_edge"
    row "" "  of them polls of tickets" "$(metric_of edge seckill_edge_answers_total 'route="tickets"')"
    row "" "passed on to the fronts" "$passed"
    row "" "commands sent to Redis" "$(metric edge seckill_edge_redis_commands_total)"
    of_both front seckill_front_requests_total
    row fronts "requests answered" "${both[@]}"
    of_both front seckill_front_queue_published_total 'result="confirmed"'
    row RabbitMQ "requests confirmed, each on its disk" "${both[@]}"
    of_both worker seckill_worker_queue_decided_total
    row workers "requests decided" "${both[@]}"
    of_both worker seckill_worker_queue_decided_total 'result="granted"'
    row "" "  of them granted" "${both[@]}"
    of_both worker seckill_worker_orders_written_total
    row "" "orders written to MariaDB" "${both[@]}"
    of_both worker seckill_worker_transactions_total
    row "" "  in transactions" "${both[@]}"
    row "Redis Cluster" "units sold, on $shards shards and $masters masters" "$("${ctl[@]}" stock get "${items[queued]}" --field total.sold)"
    echo
    echo "Of 100 requests nginx answered $((by_edge * 100 / (by_edge + passed > 0 ? by_edge + passed : 1))) without a front."
}
