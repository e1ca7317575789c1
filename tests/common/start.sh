# To be read by scripts that test the built program from outside: starts it, and ends it with the script.
#
#   start PATTERN COMMAND…   waits until a line of its output fits; then `url` is what the pattern's group holds, and
#                            `process` the process. `work` is a folder for whatever else there is; it goes with the script.

work=$(mktemp -d)
process=
stop() {
    if [ -n "$process" ]; then
        kill "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap stop EXIT

start() {
    local pattern=$1
    shift
    : >"$work/out"
    "$@" >"$work/out" 2>"$work/err" &
    process=$!
    url=
    for _ in $(seq 150); do
        url=$(sed -n "s/$pattern/\\1/p" "$work/out" | head -n 1)
        [ -n "$url" ] && return
        kill -0 "$process" 2>/dev/null || break
        sleep 0.2
    done
    echo "did not start: $*" >&2
    cat "$work/out" "$work/err" >&2
    exit 1
}
