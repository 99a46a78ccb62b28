# A throw-away PostgreSQL for the tests of one process: started here, on loopback only, and ended with that process, however
# it ends: then standard input is at its end.
#
#   sh server.sh FOLDER PORT...   prints the address, or "error: " and why there is none; takes the first port that is free
set -u
# Ctrl-C ends the tests, and this cleans up behind them.
trap '' INT TERM HUP
folder=$1
shift

refuse() {
    echo "error: $1"
    rm -rf "$folder"
    exit 1
}

# The newest server's programs.
programs=
for candidate in "$(dirname "$(command -v initdb || echo none)")" "$(pg_config --bindir 2>/dev/null)" \
    $(ls -d /usr/lib/postgresql/*/bin /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin 2>/dev/null | sort -rV); do
    if [ -x "$candidate/initdb" ] && [ -x "$candidate/pg_ctl" ] && [ -x "$candidate/postgres" ]; then
        programs=$candidate
        break
    fi
done
[ -n "$programs" ] || refuse "PostgreSQL's server is not installed here (initdb, pg_ctl)"

# PostgreSQL refuses to run as root, who hands it to the package's own user, or else to nobody.
as_server=
if [ "$(id -u)" = 0 ]; then
    user=postgres
    id "$user" >/dev/null 2>&1 || user=nobody
    as_server="setpriv --reuid=$user --regid=$(id -g "$user") --clear-groups --"
fi

mkdir -p "$folder" && chmod 711 "$folder" || refuse "$folder cannot be made"
if [ -n "$as_server" ]; then chown "$user" "$folder"; fi
cd "$folder" || refuse "$folder cannot be entered"
$as_server "$programs/initdb" --pgdata=data --username=postgres --auth=trust --encoding=UTF8 --locale=C --no-sync \
    >initdb.log 2>&1 </dev/null || refuse "initdb failed: $(tail -n 1 initdb.log)"
# Waiting for the disk would cost minutes and prove nothing: no test ends this server.
$as_server tee -a data/postgresql.conf >/dev/null <<END
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
fsync = off
full_page_writes = off
END
if [ -e "$("$programs/pg_config" --pkglibdir 2>/dev/null)/pg_stat_statements.so" ]; then
    echo "shared_preload_libraries = 'pg_stat_statements'" | $as_server tee -a data/postgresql.conf >/dev/null
fi

for port in "$@"; do
    if $as_server "$programs/pg_ctl" --pgdata=data --log=log --wait --timeout=60 --options="-p $port" start \
        >start.log 2>&1 </dev/null; then
        echo "postgres://postgres@127.0.0.1:$port/postgres"
        cat >/dev/null
        # Immediate, because what it holds is thrown away.
        $as_server "$programs/pg_ctl" --pgdata=data --mode=immediate stop >stop.log 2>&1 </dev/null
        cd / && rm -rf "$folder"
        exit 0
    fi
done
refuse "PostgreSQL does not start: $(tail -n 1 log 2>/dev/null)"
