#!/usr/bin/env bash
# Runs the unmodified clients against the built-in chain.
#
# LEYDEN_BIN     the leyden program (default: target/debug/leyden of this checkout)
# CHAIN_COMMAND  a whole command to start instead, of a node with one port for all; it must print `listening on http://…`
#                on its standard output
set -euo pipefail
cd "$(dirname "$0")"

leyden=${LEYDEN_BIN:-../../target/debug/leyden}
command=${CHAIN_COMMAND:-$leyden chain --gateway --listen 127.0.0.1:0 --block-time instant}

npm ci --no-audit --no-fund --silent
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check --requirement requirements.txt

# shellcheck source=../common/start.sh
. ../common/start.sh
# shellcheck disable=SC2086 # the command is several words
start '^.*listening on \(http:[^ ]*\).*$' $command

node tronweb.mjs "$url"
.venv/bin/python tronpy_client.py "$url"

# And once more as with a java-tron: /walletsolidity has a port of its own. tronpy knows one host only.
[ -z "${CHAIN_COMMAND:-}" ] || exit 0
kill "$process"
wait "$process" || true
# shellcheck disable=SC2086 # LEYDEN_BIN may be several words
start '^listening on \(http:.*\)$' $leyden chain --listen 127.0.0.1:0 --block-time instant
node tronweb.mjs "${url%% *}" "${url##* }"
