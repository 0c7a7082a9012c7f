#!/usr/bin/env bash
# The benchmarks work: each program answers what bench/questions says, with rows that can be read, each question is asked, and
# bench/run makes its table, results and plots of them. How fast anything is, is not judged.
set -euo pipefail
# shellcheck source=tests/package/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

command -v jq >/dev/null || skip "there is no jq"
! grep -q '^SECKILL_SANITIZE:[A-Z]*=.' "$SECKILL_BUILD_DIR/CMakeCache.txt" || skip "callgrind and sanitizers do not go together"

scratch
cd "$SECKILL_SOURCE_DIR"
out=$scratch/out
mkdir "$out"
printf 'before\n<!-- table -->\nold\n<!-- end of the table -->\nafter\n' >"$out/README.md"

# of_rows FILTER [FILE]: what jq makes of the results with bench/run's own definitions
of_rows() {
    jq -r -L bench/support "include \"report\"; $1" "${2:-$out/results.json}"
}

# ---- all programs

code=0
bench/run --quick --programs "$SECKILL_BUILD_DIR" --out "$out" >"$scratch/said" 2>&1 || code=$?
absent=$(sed -n 's/^There is no .*, which \(.*\) needs\. .*/\1/p' "$scratch/said")
grep '^There is no' "$scratch/said" || true
asked="" expected=""
while read -r program _ ids _; do
    asked+=$'\n'${ids//,/$'\n'}
    if grep -qx "$program" <<<"$absent"; then
        echo "$program is not looked at"
        continue
    fi
    expected+=$'\n'${ids//,/$'\n'}
    printed=$(jq -r 'select(has("id")).id' "$out/lines/$program.lines" | paste -sd ,)
    [[ $printed == "$ids" ]] || problem "bench/questions says that $program prints the rows $ids, but it prints: $printed"
done < <(grep -v '^#' bench/questions)
if ((code != (${#absent} > 0))); then
    problem "bench/run ended with $code"
fi
! grep "does not know" "$scratch/said" || problem "bench/questions is to have a line for it"
((problems == 0)) || cat "$scratch/said"

# ---- rows

check_ids() {
    [[ $(of_rows '.[].id') == "$(tail -n +2 <<<"$expected" | sort -V)" ]] ||
        problem "results.json does not have these rows in this order:${expected//$'\n'/ } but: $(of_rows '.[].id' | paste -sd ' ')"
}

check_ids
wrong=$(of_rows '.[] | problems[]')
[[ -z $wrong ]] || problem "$wrong"
for ((question = 1; question <= 20; question++)); do
    grep -qxE "${question}[a-z]?" <<<"$asked" || problem "nothing asks question $question"
done

# ---- what bench/run makes of them

[[ $(grep -c '^| [0-9]' "$out/README.md") == "$(of_rows length)" ]] || problem "the table in README.md does not have all rows"
[[ $(sed -n '1p;$p' "$out/README.md" | paste -sd ' ') == "before after" ]] || problem "README.md lost what stands beside the table"
! grep -x old "$out/README.md" || problem "README.md has its former table"
of_rows '[.cpu, .kernel, .redis, .compiler, .date, .commit][] | select(words | not) | halt_error' "$out/machine.json" ||
    problem "machine.json does not say what the machine is: $(cat "$out/machine.json")"
if command -v gnuplot >/dev/null; then
    for plot in goals $(cat "$out"/lines/*.lines | jq -rs -L bench/support 'include "report"; plots' | cut -f 1); do
        grep -q '</svg>' "$out/plots/$plot.svg" || problem "there is no plot $plot"
    done
fi

# ---- lines of before: rows of the others stay, and half a line harms nobody

of_rows '.[0] | .question = "asked again" | tojson' >"$scratch/again"
echo '{"id":"9","ques' >>"$scratch/again"
bench/run --from "$scratch/again" --out "$out" >"$scratch/said" || problem "bench/run --from ended with $?"
[[ $(of_rows '.[0].question') == "asked again" ]] || problem "results.json does not have the new row after --from"
grep -q "asked again" "$scratch/said" || problem "the table does not have the new row after --from"
check_ids

# ---- what is no row is noticed

for change in 'del(.ours)' '.ours = -1' '.id = "x"' '.goal = "fast"' '.met = null' '.other = null | .against = "it"' '.unit = ""'; do
    [[ -n $(of_rows "map(select(.goal != null))[0] | $change | problems[]") ]] || problem "this passes for a row: $change"
done

# ---- one that fails takes nothing from the others, and is named

mkdir -p "$scratch/programs/bench"
cp "$SECKILL_BUILD_DIR/CMakeCache.txt" "$scratch/programs"
printf '#!/bin/sh\necho "out of luck" >&2\nexit 3\n' >"$scratch/programs/bench/bench-grants"
printf '#!/bin/sh\ncat "%s"\n' "$out/lines/tokens.lines" >"$scratch/programs/bench/bench-tokens"
chmod +x "$scratch"/programs/bench/*
code=0
bench/run --programs "$scratch/programs" --out "$scratch/failing" 1 tokens >"$scratch/said" 2>&1 || code=$?
((code == 1)) || problem "bench/run ended with $code where a program fails"
grep -q "out of luck" "$scratch/said" || problem "bench/run does not show what a program said that fails"
tail -n 1 "$scratch/said" | grep -qw grants || problem "bench/run does not name a program that fails"
of_rows '.[].id' "$scratch/failing/results.json" | cmp -s - <(jq -r 'select(has("id")).id' "$out/lines/tokens.lines") ||
    problem "bench/run lost what another program printed"
code=0
bench/run --programs "$scratch/programs" no-such-question >"$scratch/said" 2>&1 || code=$?
((code == 2)) || problem "bench/run ended with $code where nothing answers what is asked"
finish
