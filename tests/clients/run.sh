#!/usr/bin/env bash
# Runs the unmodified clients against the built-in chain.
#
# LEYDEN_BIN     the leyden program (default: target/debug/leyden of this checkout)
# CHAIN_COMMAND  a whole command to start instead; it must print `listening on http://…` on its standard output
set -euo pipefail
cd "$(dirname "$0")"

leyden=${LEYDEN_BIN:-../../target/debug/leyden}
command=${CHAIN_COMMAND:-$leyden chain --listen 127.0.0.1:0 --block-time instant}

npm ci --no-audit --no-fund --silent
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check --requirement requirements.txt

work=$(mktemp -d)
# shellcheck disable=SC2086 # the command is several words
$command >"$work/out" 2>"$work/err" &
chain=$!
stop() {
    kill "$chain" 2>/dev/null || true
    wait "$chain" 2>/dev/null || true
    rm -rf "$work"
}
trap stop EXIT

url=
for _ in $(seq 150); do
    url=$(sed -n 's/^.*listening on \(http:[^ ]*\).*$/\1/p' "$work/out" | head -n 1)
    [ -n "$url" ] && break
    kill -0 "$chain" 2>/dev/null || break
    sleep 0.2
done
if [ -z "$url" ]; then
    echo "the chain did not start: $command" >&2
    cat "$work/out" "$work/err" >&2
    exit 1
fi

node tronweb.mjs "$url"
.venv/bin/python tronpy_client.py "$url"
