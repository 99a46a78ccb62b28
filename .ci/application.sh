# shellcheck shell=bash
# Sourced by the scripts beside it that test the running application: they start it on a free port, with demo data and
# a database of its own, and stop it. Needs packages.sh, and sets `scratch`, a temporary folder with the server's log.

# application_of KIND NAME: what all the functions below speak of; KIND is sqlite or postgres, and NAME goes into the
# name of the database and of the log that is kept in target/.
application_of() {
    database_kind=$1
    application_name=$2
    server=
    database_name=
    case $database_kind in
    sqlite) ;;
    postgres)
        [[ -n ${TENFOLD_TEST_POSTGRES-} ]] || fail "TENFOLD_TEST_POSTGRES is not set: run ./test $application_name"
        ;;
    *) fail "a database is sqlite or postgres, not '$database_kind'" ;;
    esac
    trap finish_application EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    need_command curl curl
    need_command python3 python3
    # `./test unit` has built it with the tests.
    if [[ ${TENFOLD_TEST_BUILT-} != true ]]; then cargo build --quiet --locked --package app; fi
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/tenfold-$application_name.XXXXXX")
}

stop_server() {
    [[ -n $server ]] || return 0
    kill "$server" 2>/dev/null || true
    # A server that does not stop when told to is ended after ten seconds.
    for _ in {1..100}; do
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    kill -9 "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    server=
}

finish_application() {
    local status=$?
    trap - EXIT
    trap '' INT TERM HUP
    stop_server
    if [[ -s $scratch/log ]]; then cp "$scratch/log" "target/$application_name-$database_kind.log"; fi
    if [[ -n $database_name ]]; then
        .ci/provision-postgres drop-database "$TENFOLD_TEST_POSTGRES" "$database_name" || true
    fi
    if [[ -n ${scratch-} ]]; then rm -rf "$scratch"; fi
    exit "$status"
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# start_server [NAME=VALUE...]: with these settings in its environment; sets `address`. The server runs in the
# temporary folder, so that what it stores beside the database goes there too, and does not see the tests' own
# variables, which are no configuration of its. Its limits for the database are longer than a busy machine stands still.
start_server() {
    place_server
    (
        cd "$scratch"
        unset TENFOLD_TEST_POSTGRES TENFOLD_TEST_PGBOUNCER TENFOLD_TEST_REQUIRE_TOOLS
        export TENFOLD_DATABASE__TRANSACTION_LIMIT=30s TENFOLD_DATABASE__ACQUIRE_TIMEOUT=60s
        exec env "$@" "$application" serve --listen "$address" --database "$database_url" --demo
    ) >"$scratch/log" 2>&1 &
    server=$!
    await_ready
}

# Sets what a server is started with: `application`, `address` and `database_url`, a new database.
place_server() {
    application=$(realpath "${CARGO_TARGET_DIR:-target}/debug/app")
    database_url=sqlite:$scratch/app.db
    if [[ $database_kind == postgres ]]; then
        database_name=tenfold_${application_name}_$$
        database_url=$(.ci/provision-postgres create-database "$TENFOLD_TEST_POSTGRES" "$database_name")
    fi
    address=127.0.0.1:$(free_port)
}

await_ready() {
    local deadline=$((SECONDS + 120))
    until curl --silent --fail --noproxy '*' --max-time 5 --output /dev/null "http://$address/readyz"; do
        kill -0 "$server" 2>/dev/null || fail "the application ended before it was ready: $(tail -n 40 "$scratch/log")"
        ((SECONDS < deadline)) || fail "the application was not ready within 120 s: $(tail -n 40 "$scratch/log")"
        sleep 0.1
    done
}

# What a client cannot see: a panic in a task of the background, an error on a connection that it left. A server that is not
# ready yet says so with a 503.
inspect_log() {
    local pattern='panicked at|\bstatus(_code)?"?[=:] ?"?5[0-9][0-9]\b'
    local lines
    if lines=$(grep --extended-regexp --ignore-case "$pattern" "$scratch/log" |
        grep --invert-match --fixed-strings /readyz); then
        head --lines=5 <<<"$lines" | cut --characters=1-400 >&2
        fail "the application logged a panic or an answer of 500 or more: target/$application_name-$database_kind.log"
    fi
}
