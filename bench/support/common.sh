# Sourced by the commands of this folder, which set $top and $programs (a build folder whose programs are used as they are; "":
# none). It sets $running, the group that is to be ended with us, and uses $scratch, a folder that goes away.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables of who sources it

running=0 scratch=""

# usage: what stands at the top of the command
usage() {
    sed -n '2,/^set /s/^# \{0,1\}//p' "$0"
}

# fail CODE TEXT
fail() {
    echo "bench/$(basename "$0"): $2" >&2
    exit "$1"
}

# shellcheck disable=SC2317 # called by a trap
clean_up() {
    local code=$?
    trap - EXIT
    trap '' INT TERM HUP
    if ((running > 0)) && kill -s TERM -- "-$running" 2>/dev/null; then
        wait "$running" || true
    fi
    [[ -z $scratch ]] || rm -rf "$scratch"
    exit "$code"
}

# begin: makes $scratch; whatever ends us, it is removed, and what runs is ended
begin() {
    trap clean_up EXIT
    exec 3>&1 # a trap may run where the output goes to a file
    trap 'echo >&3; echo "Stopped." >&3; exit 130' INT
    trap 'exit 143' TERM HUP
    scratch=$(mktemp -d)
}

# in_group COMMAND...: in a group of its own, so that all of it can be ended, and waited for so that Ctrl-C is heard at once
in_group() {
    local code=0
    setsid "$@" 3>&- &
    running=$!
    wait "$running" || code=$?
    running=0
    return "$code"
}

# build PURPOSE TARGET...: installs what is missing for that purpose of examples/install, builds in build/release, and names it
# $programs
build() {
    local options=(-DSECKILL_BUILD_EXAMPLES=ON -DSECKILL_BUILD_BENCH=ON) log=$scratch/build.log
    "$top/examples/install" build "$1" || fail 3 "packages are missing; above is why they were not installed"
    echo "Building in build/release."
    programs=$top/build/release
    if ! [[ -e $programs/CMakeCache.txt ]]; then
        echo "The first time that takes some minutes."
        options+=(-DSECKILL_BUILD_TESTS=OFF)
    fi
    if ! { in_group cmake -S "$top" --preset release "${options[@]}" &&
        in_group cmake --build "$programs" -j "$(nproc)" --target "${@:2}"; } >"$log" 2>&1; then
        cat "$log" >&2
        fail 3 "building failed"
    fi
}

# busy_ticks: of all processors since the start, hundredths of a second; what a hypervisor took is busy too
busy_ticks() {
    local user nice system irq soft_irq stolen
    read -r _ user nice system _ _ irq soft_irq stolen _ </proc/stat
    echo $((user + nice + system + irq + soft_irq + stolen))
}

# check_processors: says where figures will mean little
check_processors() {
    local processors before
    processors=$(nproc)
    if ((processors < 2)); then
        echo "There is one processor: servers and loads share it, and the figures mean little."
    fi
    before=$(busy_ticks)
    sleep 1
    before=$(($(busy_ticks) - before))
    if ((before > 20)); then
        echo "Other programs use $before % of a processor (there are $processors): the figures are worse than they would be without."
    fi
}
