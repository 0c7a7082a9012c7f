# Sourced by bench/run: from the lines that programs printed to the table, results.json, the plots and the README's table.
# It uses $top, $out (the folder of results) and $scratch.
# shellcheck shell=bash
# shellcheck disable=SC2016,SC2154 # jq's variables, bench/run's variables

jq_report() {
    jq -L "$top/bench/support" "$@"
}

# ---- the machine

# first_version COMMAND...: the first line of what it says
first_version() {
    "$@" 2>&1 | head -n 1
}

# describe_redis: Redis 7.0.15
describe_redis() {
    local redis
    redis=$(command -v "${SECKILL_TEST_REDIS:-redis-server}" || command -v valkey-server) || return 0
    first_version "$redis" --version | sed 's/ server v=\([^ ]*\).*/ \1/'
}

# describe_compiler COMPILER: gcc-12 (Debian ...) 12.2.0
describe_compiler() {
    first_version "$(readlink -f "$(command -v "$1")")" --version | sed 's/^[^ ]*-linux-gnu-//'
}

describe_commit() {
    local changed=""
    git -C "$top" rev-parse --verify -q HEAD >/dev/null 2>&1 || { echo unknown && return; }
    git -C "$top" diff --quiet HEAD -- include lib examples bench/support 'bench/*.c' || changed=" and changes"
    echo "$(git -C "$top" rev-parse --short HEAD)$changed"
}

# write_machine PROGRAMS: machine.json
write_machine() {
    local compiler=""
    ! [[ -e $1/CMakeCache.txt ]] || compiler=$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' "$1/CMakeCache.txt")
    jq -n --arg cpu "$(lscpu | sed -n 's/^Model name: *//p' | head -n 1)" --argjson processors "$(nproc)" \
        --argjson memory_gib "$(awk '/^MemTotal/ { printf "%.0f", $2 / 1048576 }' /proc/meminfo)" \
        --arg kernel "Linux $(uname -r)" --arg system "$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release)" \
        --arg redis "$(describe_redis)" --arg compiler "$(describe_compiler "${compiler:-cc}")" \
        --arg file_system "$(df --output=fstype "${TMPDIR:-/tmp}" | tail -n 1)" \
        --arg date "$(date -u +%Y-%m-%d)" --arg commit "$(describe_commit)" '$ARGS.named' >"$out/machine.json"
}

# ---- results.json

# write_results LINES ALL: of rows that stood there before, those without a new one stay, unless ALL programs were run
write_results() {
    local before=()
    if ! $2 && [[ -e $out/results.json ]]; then
        mapfile -t before <"$out/results.json"
    fi
    # A program that died may have written half a line.
    jq_report -nrR --argjson before "${before[*]:-[]}" --slurpfile machine "$out/machine.json" 'include "report";
        [inputs | fromjson? // empty] | rows | map(. + ($machine[0] | { date, commit })) as $new
        | $before | merged($new) | as_text' "$1" >"$scratch/results"
    mv "$scratch/results" "$out/results.json"
}

print_machine() {
    jq_report -r 'include "report"; machine_text' "$out/machine.json"
}

# tally: 14 of 21 goals are met; not those of 4 and 12
tally() {
    jq_report -r 'include "report"; verdict' "$out/results.json"
}

print_table() {
    jq_report -r 'include "report"; as_tsv' "$out/results.json" | awk -F '\t' '
        function note(line, values, i) {
            against[line] = values[3]
            for (i = 1; i <= 8; i++) {
                cell[line, i] = values[i]
                if (length(values[i]) > width[i]) width[i] = length(values[i])
            }
        }
        BEGIN { split("#\tquestion\t-\tours\tother\tratio\tgoal\tmet", heading); note(0, heading) }
        { split($0, values); note(NR, values) }
        END {
            for (line = 0; line <= NR; line++) {
                printf "%-*s  %-*s  %*s  %*s  ", width[1], cell[line, 1], width[2], cell[line, 2], width[4], cell[line, 4], width[5], cell[line, 5]
                printf "%-*s  %-*s  %s\n", width[6], cell[line, 6], width[7], cell[line, 7], cell[line, 8]
                if (against[line] != "-") printf "%*s  against %s\n", width[1], "", against[line]
            }
        }'
}

# write_readme_table: between the two marks
write_readme_table() {
    local readme=$out/README.md
    grep -qx '<!-- table -->' "$readme" 2>/dev/null || return 0
    {
        print_machine
        echo
        jq_report -r 'include "report"; as_markdown' "$out/results.json"
    } >"$scratch/table"
    awk -v table="$scratch/table" '
        /^<!-- end of the table -->$/ { inside = 0 }
        !inside
        /^<!-- table -->$/ { inside = 1; while ((getline line < table) > 0) print line }' "$readme" >"$scratch/readme"
    cat "$scratch/readme" >"$readme"
}

# ---- plots

# Of a plot: what stands above it|what along x|what along y|which axes are logarithmic, if any
declare -A words_of_plot=(
    [decided]="A million users want 100,000 units: how many have their answer|seconds|users|"
    [decided by threads that wait]="Threads that wait for each answer|threads|decided a second|xy"
    [p99 of threads that wait]="Threads that wait for each answer: 99 of 100 take no longer|threads|milliseconds|xy"
    [latency]="At half of the top rate: how long requests take|milliseconds|% of requests that take no longer|x"
    [cost of a grant by shards]="What a grant costs|shards|microseconds of Redis|x"
    [cost of a grant by clients]="What a grant costs|clients|microseconds of Redis|x"
    [cost of a grant by users on record]="What a grant costs|users on record|microseconds of Redis|x"
    [cost of a grant by users on record in each of 64 shards]="What a grant costs in small shards|users on record in each of 64 shards|microseconds of Redis|"
    [instructions for each reserve by requests under way]="Instructions for each reserve|requests under way|instructions|x"
    [cost of a grant by masters]="What a grant costs|masters of a cluster|microseconds of all masters|"
    [memory of a reservation in Redis]="What a reservation takes in Redis|reservations on 8 shards|bytes for each|"
    [memory of a request under way]="What a request under way takes in the client|requests under way|bytes for each|x"
    [refusals from memory by requests under way]="Refusals from memory|requests under way|refusals/s|x"
)

# draw FILE NAME SERIES LINES
draw() {
    local heading x_words y_words logarithmic
    IFS='|' read -r heading x_words y_words logarithmic <<<"${words_of_plot[$2]:-$2|||}"
    jq_report -nrR --arg plot "$2" 'include "report"; [inputs | fromjson? // empty] | blocks($plot)' "$4" >"$scratch/points"
    gnuplot -e "data='$scratch/points'; picture='$out/plots/$1.svg'; series=$3; heading='$heading';
        x_words='$x_words'; y_words='$y_words'; logarithmic='$logarithmic'" "$top/bench/support/lines.gp"
}

# draw_goals: a bar for each row
draw_goals() {
    jq_report -r 'include "report"; beside_goals' "$out/results.json" >"$scratch/goals"
    [[ -s $scratch/goals ]] || return 0
    gnuplot -e "data='$scratch/goals'; picture='$out/plots/goals.svg'; rows=$(wc -l <"$scratch/goals")" "$top/bench/support/goals.gp"
}

# write_plots LINES: plots of which there are no new points stay
write_plots() {
    local file name series
    if ! command -v gnuplot >/dev/null; then
        echo "There is no gnuplot: no plots."
        return
    fi
    mkdir -p "$out/plots"
    draw_goals || echo "The plot of the goals was not drawn." >&2
    while IFS=$'\t' read -r file name series; do
        draw "$file" "$name" "$series" "$1" || echo "This plot was not drawn: $name." >&2
    done < <(jq_report -nrR 'include "report"; [inputs | fromjson? // empty] | plots' "$1")
}
