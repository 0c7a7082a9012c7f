#!/usr/bin/env bash
# Starts a private MariaDB server: for the demo, for trying out, for tests.
#
#   mariadb.sh DIR [OPTION-OF-MARIADBD...]
#
# DIR gets the data (made when it is not there yet), the log and the unix socket, which is the only way in. A database and a user,
# both named seckill, are there, with the password of the environment's SECKILL_ORDERS_PASSWORD, or none; the user may do
# everything in that database. Prints one line when it is ready, the URL for --orders, and stays in the foreground; TERM or INT
# ends the server in order.
#
# SPDX-License-Identifier: MIT
set -euo pipefail

if [ $# -lt 1 ]; then
    echo "usage: mariadb.sh DIR [OPTION-OF-MARIADBD...]" >&2
    exit 2
fi
mkdir -p "$1"
dir=$(cd "$1" && pwd)
shift
socket=$dir/mariadb.sock
user=$(id -un)
PATH=$PATH:/usr/sbin
chmod 700 "$dir"

if [ ! -d "$dir/data/mysql" ]; then
    mariadb-install-db --no-defaults --user="$user" --datadir="$dir/data" --tmpdir="$dir" --auth-root-authentication-method=normal \
        --skip-test-db >"$dir/install.log" 2>&1 || { cat "$dir/install.log" >&2; exit 1; }
fi

# A directory for temporary tables of its own: a server that starts removes those of all others there.
mariadbd --no-defaults --user="$user" --datadir="$dir/data" --tmpdir="$dir" --socket="$socket" --pid-file="$dir/mariadb.pid" \
    --skip-networking --innodb-flush-log-at-trx-commit=1 "$@" >"$dir/mariadb.log" 2>&1 &
server=$!
trap 'kill -TERM "$server" 2>/dev/null || true' TERM INT
trap 'kill -TERM "$server" 2>/dev/null || true; wait "$server" || true' EXIT

until mariadb-admin --no-defaults --user=root --socket="$socket" ping >/dev/null 2>&1; do
    kill -0 "$server" 2>/dev/null || { cat "$dir/mariadb.log" >&2; exit 1; }
    sleep 0.05
done

# The password goes through the standard input: a command line is there for everybody to read.
password=${SECKILL_ORDERS_PASSWORD:-}
password=${password//\\/\\\\}
mariadb --no-defaults --user=root --socket="$socket" <<SQL
CREATE DATABASE IF NOT EXISTS seckill CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS seckill@localhost;
ALTER USER seckill@localhost IDENTIFIED BY '${password//\'/\'\'}';
GRANT ALL ON seckill.* TO seckill@localhost;
SQL

encoded=$(printf '%s' "$socket" | sed 's/%/%25/g; s/ /%20/g; s/&/%26/g; s/#/%23/g; s/+/%2B/g')
echo "mysql://seckill@localhost/seckill?socket=$encoded"
while kill -0 "$server" 2>/dev/null; do
    wait "$server" || true
done
