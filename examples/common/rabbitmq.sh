#!/usr/bin/env bash
# A private RabbitMQ for demos and tests: examples/common/rabbitmq.sh DIR [PORT]
#
# Starts a broker in the foreground that keeps everything in DIR and listens on 127.0.0.1 only, on PORT (that of the last time,
# or a free one). When it serves it prints one line on stdout: "ready PID URL", PID the broker's own, URL for --queue. SIGTERM
# and SIGINT end it, and the port mapper (epmd) that it needs, which is its own too. Started again on the same DIR it goes on
# with what is stored there. The services of the system are left alone.
set -euo pipefail

PROGRAM=${RABBITMQ_SERVER:-/usr/lib/rabbitmq/bin/rabbitmq-server} # not Debian's wrapper, which wants to be a service
PATIENCE_S=60

if (($# < 1 || $# > 2)); then
    echo "usage: examples/common/rabbitmq.sh DIR [PORT]" >&2
    exit 2
fi
if [[ ! -x $PROGRAM ]]; then
    echo "rabbitmq.sh: there is no $PROGRAM: examples/install full" >&2
    exit 1
fi
mkdir -p "$1"
dir=$(cd "$1" && pwd)

# One that nobody listens on, below those that the kernel gives to connections.
free_port() {
    local port=$((20000 + RANDOM % 12000))
    while (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
        port=$((20000 + RANDOM % 12000))
    done
    echo "$port"
}

if [[ -n ${2:-} ]]; then
    echo "$2" >"$dir/port"
elif [[ ! -s $dir/port ]]; then
    free_port >"$dir/port"
fi
if [[ ! -s $dir/password ]]; then
    (umask 077 && head -c 18 /dev/urandom | base64 -w 0 | tr '/+' '_-' >"$dir/password")
fi
port=$(<"$dir/port")
(umask 077 && cat >"$dir/rabbitmq.conf") <<END
listeners.tcp.1 = 127.0.0.1:$port
default_user = seckill
default_pass = $(<"$dir/password")
log.file.level = warning
raft.wal_max_size_bytes = 67108864
END
echo "[]." >"$dir/plugins"

export HOME=$dir # the cookie
export ERL_EPMD_PORT RABBITMQ_DIST_PORT
ERL_EPMD_PORT=$(free_port)
RABBITMQ_DIST_PORT=$(free_port)
export ERL_EPMD_ADDRESS=127.0.0.1
export RABBITMQ_NODENAME=seckill@localhost
export RABBITMQ_CONF_ENV_FILE=/dev/null
export RABBITMQ_CONFIG_FILE=$dir/rabbitmq.conf
export RABBITMQ_MNESIA_BASE=$dir/data
export RABBITMQ_LOG_BASE=$dir/log
export RABBITMQ_PID_FILE=$dir/pid
export RABBITMQ_ENABLED_PLUGINS_FILE=$dir/plugins
export RABBITMQ_ALLOW_INPUT=1 # the broker takes its shell's place, so that signals are its own
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-noinput -kernel inet_dist_use_interface {127,0,0,1}"

epmd=
broker=
# shellcheck disable=SC2317 # the trap calls it
finish() {
    trap '' TERM INT
    if [[ -n $broker ]] && kill "$broker" 2>/dev/null; then
        kill -CONT "$broker" 2>/dev/null || true
        wait "$broker" || true
    fi
    if [[ -n $epmd ]] && kill "$epmd" 2>/dev/null; then
        wait "$epmd" || true
    fi
}
trap finish EXIT
trap 'exit 0' TERM INT

if (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    echo "rabbitmq.sh: somebody listens on 127.0.0.1:$port already" >&2
    exit 1
fi
epmd -port "$ERL_EPMD_PORT" -address 127.0.0.1 </dev/null >/dev/null 2>&1 &
epmd=$!
setpriv --pdeathsig KILL "$PROGRAM" </dev/null >"$dir/out" 2>&1 &
broker=$!

# It serves when it speaks AMQP: to a header that it does not know it answers with its own.
serves() {
    local answer=""
    { exec {fd}<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null || return 1
    printf 'AMQP9999' >&"$fd" || true
    read -r -t 1 -N 4 answer <&"$fd" || true
    exec {fd}>&-
    [[ $answer == AMQP ]]
}

for ((tries = 0; tries < PATIENCE_S * 20; tries++)); do
    if ! kill -0 "$broker" 2>/dev/null; then
        cat "$dir/out" >&2
        echo "rabbitmq.sh: the broker ended; its log is in $dir/log" >&2
        exit 1
    fi
    if serves; then
        echo "ready $broker amqp://seckill@127.0.0.1:$port?password-file=$dir/password"
        { wait "$broker" || true; } 2>/dev/null # a kill is not worth a line
        broker=
        exit 0
    fi
    sleep 0.05
done
echo "rabbitmq.sh: not ready after $PATIENCE_S s; its log is in $dir/log" >&2
exit 1
