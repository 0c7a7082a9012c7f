#!/usr/bin/env bash
# What front, worker and library show Prometheus, under load, judged by Prometheus' own parser and lint; and the dashboard, the
# alerts and the scrape configuration, which may name only what is really there.
set -euo pipefail
# shellcheck source=tests/integration/demo_common.sh
source "$(dirname "${BASH_SOURCE[0]}")/demo_common.sh"

for tool in promtool jq curl; do
    if ! command -v "$tool" >/dev/null; then
        echo "skipped: there is no $tool (./examples/install tests installs it)"
        exit 77
    fi
done
folder=$SECKILL_SOURCE_DIR/examples/dashboard

# lint PAGE: the parser takes it and has nothing to say about it
lint() {
    expect 0 promtool check metrics <"$1"
    [[ ! -s $scratch/output ]] || fail "promtool on $1"
}

# check_histograms PAGE: buckets rise to +Inf, which is the count. (The parser does not look.)
check_histograms() {
    awk '
        function fail(text) { print FILENAME ": " text ": " $0; bad = 1; exit 1 }
        { name = $1; sub(/[{].*/, "", name) }
        name ~ /_bucket$/ {
            if ($NF < before) fail("it falls")
            before = $NF
            if (/le="\+Inf"/) { last = $NF; before = 0; histograms++ }
        }
        name ~ /_count$/ && histograms > counts { if ($NF != last) fail("not the last bucket"); counts++ }
        END { if (!bad && (histograms == 0 || counts != histograms)) { print FILENAME ": " histograms " and " counts; exit 1 } }
    ' "$1" || fail "the histograms of $1"
}

# ---- the library alone

"$SECKILL_BUILD_DIR/tests/unit/test-unit-metrics" --print >"$scratch/library"
lint "$scratch/library"
# A check that finds nothing wrong with anything would be none.
sed 's/seckill_client_granted_total/seckill_client_granted/' "$scratch/library" >"$scratch/worse"
if promtool check metrics <"$scratch/worse" >"$scratch/output" 2>&1; then
    fail "promtool does not mind a counter without _total"
fi

# ---- front and worker, while they sell

export SECKILL_REDIS=unix:$scratch/redis.sock
"$redis" --port 0 --unixsocket "$scratch/redis.sock" --dir "$scratch" --save "" >"$scratch/redis.log" 2>&1 &
pids+=($!)
expect 0 "$ctl" item list s --timeout 10s
expect 0 "$ctl" item define s/one --shards 4 --hold 1m
expect 0 "$ctl" stock load s/one 400 --operation load
"$ctl" keys new --out "$scratch/keys"
"$front" --redis "$SECKILL_REDIS" --listen "unix:$scratch/front.sock" --trust-user-header X-User --keys "$scratch/keys" --loops 2 \
    --poll-min 20ms --poll-max 200ms >"$scratch/front.log" 2>&1 &
pids+=($!)
"$worker" --redis "$SECKILL_REDIS" --activity s --orders "$scratch/orders.db" --inventory s/one=400 \
    --listen "unix:$scratch/worker.sock" >"$scratch/worker.log" 2>&1 &
pids+=($!)

# scrape PROGRAM
scrape() {
    curl -sf --max-time 10 --unix-socket "$scratch/$1.sock" http://x/metrics >"$scratch/$1"
}

# wait_for PROGRAM REGEX: until its page has such a line
wait_for() {
    local i
    for ((i = 0; i < 300; i++)); do
        if scrape "$1" && grep -qE "$2" "$scratch/$1"; then
            return
        fi
        sleep 0.05
    done
    fail "the $1's page has no line $2: $(cat "$scratch/$1.log")"
}

wait_for front '^seckill_client_open 2$'
wait_for front '^seckill_client_connected 2$'
wait_for worker '^seckill_client_connected 1$'
"$shoppers" --front "unix:$scratch/front.sock" --activity s --item one --shoppers 3000 --user-header X-User >"$scratch/crowd" 2>&1 &
crowd=$!
pids+=("$crowd")
scrapes=0
while kill -0 "$crowd" 2>/dev/null; do
    for program in front worker; do
        scrape "$program" || fail "no page of the $program"
        lint "$scratch/$program"
        check_histograms "$scratch/$program"
    done
    scrapes=$((scrapes + 1))
done
wait "$crowd" || fail "the shoppers end with $?: $(cat "$scratch/crowd")"
((scrapes > 0)) || fail "the crowd was gone before the first look"

# Numbers have come to where they belong.
wait_for worker '^seckill_worker_units[{].*state="sold"[}] [1-9]'
wait_for worker '^seckill_worker_decision_seconds_count [1-9]'
wait_for worker '^seckill_worker_transaction_seconds_count [1-9]'
wait_for worker '^seckill_worker_event_age_seconds_count [1-9]'
wait_for worker '^seckill_worker_build_info[{].*[}] 1$'
wait_for front '^seckill_front_build_info[{].*[}] 1$'
wait_for front '^seckill_client_operation_seconds_count[{]kind="enqueue"[}] [1-9]'
wait_for front '^seckill_client_operation_seconds_count[{]kind="confirm"[}] [1-9]'
wait_for front '^seckill_client_script_seconds_count [1-9]'
wait_for front '^seckill_front_request_seconds_count[{]route="/v1/orders"[}] [1-9]'

# ---- the dashboard and the alerts

# Every name there is, of histograms and summaries those of their samples.
awk '$1 == "#" && $2 == "TYPE" {
    if ($4 == "histogram") print $3 "_bucket"
    if ($4 == "histogram" || $4 == "summary") { print $3 "_sum"; print $3 "_count" } else print $3
}' "$scratch/front" "$scratch/worker" | sort -u >"$scratch/there"

# shellcheck disable=SC2016 # Grafana expands it
expect 0 jq -e '.schemaVersion >= 36 and ([.panels[] | select(.type != "row") | .targets[].expr] | length > 40)
    and ([.. | objects | select(.type? == "prometheus") | .uid] | all(. == "${datasource}"))' "$folder/seckill.json"
jq -r '.. | objects | (.expr?, .definition?) | strings' "$folder/seckill.json" >"$scratch/expressions"
sed -n 's/^ *expr: //p' "$folder/alerts.yml" >>"$scratch/expressions"
grep -oE '\b(seckill|process)_[a-z_]+' "$scratch/expressions" | sort -u >"$scratch/named"
(($(wc -l <"$scratch/named") > 40)) || fail "the dashboard names hardly any metrics"
missing=$(comm -23 "$scratch/named" "$scratch/there")
[[ -z $missing ]] || fail "neither front nor worker has: $missing"

# The expressions are sound: as recording rules, with Grafana's variables filled in.
# shellcheck disable=SC2016 # Grafana's
{
    printf 'groups:\n- name: dashboard\n  rules:\n'
    jq -r '.. | objects | .expr? | strings' "$folder/seckill.json" |
        sed -e 's/\$__rate_interval/1m/g; s/\$activity\|\$item/.*/g' -e "s/'/''/g" |
        awk '{ printf "  - record: panel:number:%d\n    expr: '\''%s'\''\n", NR, $0 }'
} >"$scratch/panels.yml"
expect 0 promtool check rules "$scratch/panels.yml"
expect 0 promtool check rules "$folder/alerts.yml"
expect 0 promtool check config "$folder/prometheus.yml"
