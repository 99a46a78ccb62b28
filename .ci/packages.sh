# shellcheck shell=bash
# Sourced by the scripts beside it: where downloaded tools live, and how a missing program is installed.
# Everything is said on stderr, because the scripts answer on stdout.

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Inside target/: `cargo clean` takes it away, and git never sees it.
# shellcheck disable=SC2034 # the scripts that source this use it
tools_directory=$repository/target/tools

note() { printf '    %s\n' "$*" >&2; }

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Runs a command as root: directly, or through sudo where that asks for no password.
as_root() {
    if ((EUID == 0)); then
        "$@"
    else
        sudo -n "$@"
    fi
}

can_install() {
    command -v apt-get >/dev/null || return 1
    ((EUID == 0)) || sudo -n true 2>/dev/null
}

# Installs Debian packages, or says which ones somebody with the right to do so has to install.
install_packages() {
    can_install || fail "missing: $*. Install with: sudo apt-get install --no-install-recommends $*"
    local output
    note "installing $*"
    output=$(as_root apt-get update 2>&1) || fail "apt-get update: $output"
    output=$(as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "$@" 2>&1) || fail "apt-get install $*: $output"
}

# need_command COMMAND PACKAGE...: installs the packages unless the command is there.
need_command() {
    local wanted=$1
    shift
    command -v "$wanted" >/dev/null || install_packages "$@"
}
