#!/usr/bin/env bash
# Asks the running service everything that /openapi.json allows, and what it forbids, and holds each answer against the
# document (https://schemathesis.readthedocs.io).
#
#   tests/schema/run.sh CASES
#
# LEYDEN_BIN   the leyden program (default: target/debug/leyden of this checkout)
#
# Left out, each for a reason:
#   positive_data_acceptance   that an address has a checksum, that it was activated, that an id names something, and that two
#                              members exclude each other is more than a schema says
#   POST /api/v1/halts         it makes money stand still, and everything else is answered 503 from then on
#
# One worker, because some releases of Python lose count in their parser where two threads use it
# (https://github.com/python/cpython/issues/106905), and the run ends in the middle.
set -euo pipefail
cd "$(dirname "$0")"

cases=${1:?how many cases at least}
leyden=$(realpath "${LEYDEN_BIN:-../../target/debug/leyden}")
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check --requirement requirements.txt

# shellcheck source=../common/start.sh
. ../common/start.sh
start '^API *\(http:[^ ]*\).*$' \
    "$leyden" demo --data "$work/books" --orders 12 --listen 127.0.0.1:0 --node-listen 127.0.0.1:0
LEYDEN_API=$url
LEYDEN_KEY=$(LEYDEN__DATABASE__URL="sqlite:$work/books/books.sqlite" "$leyden" keys api --name schema --scope admin |
    grep -o 'lk_live_[0-9a-f_]*' | head -n 1)
export LEYDEN_API LEYDEN_KEY SCHEMATHESIS_HOOKS=hooks

operations=$(.venv/bin/python -c 'import requests, sys
print(sum(len(item) for item in requests.get(sys.argv[1], timeout=30).json()["paths"].values()))' "$url/openapi.json")
code=0
PYTHONPATH=$PWD .venv/bin/schemathesis run "$url/openapi.json" --header "X-API-Key: $LEYDEN_KEY" --no-color \
    --checks all --exclude-checks positive_data_acceptance \
    --exclude-operation-id raiseHalt --max-examples "$((cases / operations + 1))" --continue-on-failure \
    --suppress-health-check all --workers 1 --output-sanitize true >"$work/report" 2>&1 || code=$?
if [ "$code" != 0 ]; then
    head -c 60000 "$work/report"
    tail -n 40 "$work/err"
fi
sed -n '/= SUMMARY =/,$p' "$work/report"
if ! kill -0 "$process" 2>/dev/null; then
    echo "the service is gone" >&2
    exit 1
fi
exit "$code"
