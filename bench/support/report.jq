# What bench/run makes of the lines that the programs print. A row is what bench_row_print writes, a point what bench_point_print
# does. It takes jq 1.6.

# ---- ids and lines

# 1, 2, ... 9a, 9b, 10
def place: capture("^(?<number>[0-9]+)(?<letter>.*)$") | [(.number | tonumber), .letter];

def rows: map(select(type == "object" and has("id"))) | sort_by(.id | place);

# merged($new): rows of the runs before, where there is no new one of that id
def merged($new): ($new | map(.id)) as $ids | map(select(.id as $id | $ids | index([$id]) | not)) + $new | rows;

# One row a line, so that a change of one is a change of one line.
def as_text: "[\n" + (map("  " + tojson) | join(",\n")) + "\n]";

def points: map(select(type == "object" and has("plot")));

# plots: of each plot the name of its file, what stands above it, and how many series it has
def slug: ascii_downcase | gsub("[^a-z0-9]+"; "-");
def plots: points | group_by(.plot)[] | [(.[0].plot | slug), .[0].plot, (map(.series) | unique | length)] | @tsv;

# blocks($plot): for gnuplot: a block for each series, headed by its name
def blocks($plot):
    points
    | map(select(.plot == $plot))
    | map(.series) as $names
    | (reduce $names[] as $name ([]; if index([$name]) then . else . + [$name] end)) as $series
    | [$series[] as $name | "\"\($name)\"\n" + (map(select(.series == $name) | "\(.x) \(.y)\n") | join(""))]
    | join("\n\n");

# ---- whether a row is what it should be

def figure: type == "number" and . > 0 and . < 1e300;
def words: type == "string" and . != "";
def figures($name): [.[$name], .[$name + "_lowest"], .[$name + "_highest"]];
def goal_pattern: "^(?<sign>[<>]=) (?<limit>[0-9.e+-]+)(?<times>x?)";

# problems: what is wrong with a row, as a list of texts
def problems:
    .id as $id
    | [
        (if (.id | words and test("^[0-9]+[a-z]?$")) then empty else "the id is \(.id)" end),
        (if [.question, .unit] | all(words) then empty else "there is no question, or no unit" end),
        (if figures("ours") | all(figure) then empty else "ours is \(figures("ours"))" end),
        (if .against == null
         then if figures("other") + figures("ratio") | all(. == null) then empty else "there is an other, and nothing says what it is" end
         elif .against | words | not then "against is \(.against)"
         elif figures("other") + figures("ratio") | all(figure) then empty
         else "other is \(figures("other")), ratio \(figures("ratio"))" end),
        (if .goal == null then if .met == null then empty else "met, but there is no goal" end
         elif (.goal | words | not) or (.goal | test(goal_pattern) | not) then "the goal is \(.goal)"
         elif .met | type == "boolean" then empty
         else "met is \(.met)" end),
        (if .rounds | type == "number" and . >= 1 then empty else "rounds is \(.rounds)" end),
        (if .note == null or (.note | words) then empty else "the note is \(.note)" end)
    ]
    | map("row \($id): " + .);

# ---- the table

def grouped: if length <= 3 then . else (.[:-3] | grouped) + "," + .[-3:] end;
def to_figures($figures): if . == 0 then 0 else pow(10; $figures - 1 - (log10 | floor)) as $scale | (. * $scale | round) / $scale end;
def figure_text:
    if . == null then "-" elif . >= 1000 then round | tostring | grouped elif . >= 100 then round | tostring else to_figures(3) | tostring end;
def unit_text: .unit | if startswith("1/") then .[1:] else " " + . end;
def with_unit($figure): if $figure == null then "-" else ($figure | figure_text) + unit_text end;
def ratio_text:
    if .ratio == null then "-"
    elif .rounds == 1 then .ratio | figure_text
    else "\(.ratio | figure_text) (\(.ratio_lowest | figure_text) to \(.ratio_highest | figure_text))" end;
# "160 bytes" and "10,000,000/s", as the figures are
def goal_text:
    if .goal == null then "-"
    else (.goal | capture(goal_pattern)) as $goal
        | "\($goal.sign) \($goal.limit | tonumber | figure_text)" + (if $goal.times == "x" then "x" else unit_text end) end;
def met_text: if .met == null then "-" elif .met then "yes" else "no" end;
def cells: [.id, .question, .against // "-", with_unit(.ours), with_unit(.other), ratio_text, goal_text, met_text];

def as_tsv: .[] | cells | @tsv;
def as_markdown:
    "| # | question | against | ours | other | ratio | goal | met |\n| --- | --- | --- | ---: | ---: | --- | --- | --- |",
    (.[] | cells | map(gsub("\\|"; "\\|")) | "| " + join(" | ") + " |");

# ---- what happened

def listed: if length < 2 then join("") else (.[:-1] | join(", ")) + " and " + .[-1] end;
def verdict:
    map(select(.met != null)) as $judged
    | ($judged | map(select(.met | not) | .id)) as $missed
    | "\($judged | length - ($missed | length)) of \($judged | length) goals are met"
        + (if $missed == [] then "" else "; not those of \($missed | listed)" end);

# How many times better than its goal a row is, 1 being as good: id, words, that, met
def beside_goals:
    .[]
    | select(.goal != null)
    | (.goal | capture(goal_pattern)) as $goal
    | (if $goal.times == "x" then .ratio else .ours end) as $value
    | ($goal.limit | tonumber) as $limit
    | [.id, "\(.id)  \(.question) (\(goal_text))", (if $goal.sign == ">=" then $value / $limit else $limit / $value end), (if .met then 1 else 0 end)]
    | @tsv;

# ---- the machine

def machine_text:
    "\(.cpu), \(.processors) processor\(if .processors == 1 then "" else "s" end), \(.memory_gib) GiB, \(.kernel), \(.system); \(.redis), \(.compiler); "
    + "servers' files on \(.file_system); \(.date), commit \(.commit)";
