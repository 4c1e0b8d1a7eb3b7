# For scripts that need Node, which read it with `.`: Node 20 or later and npm from the PATH, and packages by their lock file.

need_node() { # WHO: what needs it, for the message; installs both from Debian's packages where they are missing, if this is root on Debian
    who=$1
    if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
        command -v apt-get >/dev/null || explain "they are not here, and there is no apt-get to install them with"
        [ "$(id -u)" = 0 ] || explain "they are not here; as root: apt-get install nodejs npm"
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -qq && apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null ||
            explain "apt-get could not install nodejs and npm"
    fi
    node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' || explain "this is $(node --version)"
}

explain() {
    echo "$who needs Node 20 or later, and npm: $1" >&2
    exit 1
}

install_packages() { # FOLDER FILE…: copies the files there, and installs what their package-lock.json says unless it is installed
    folder=$1
    shift
    mkdir -p "$folder"
    cp "$@" "$folder"
    if ! cmp -s "$folder/package-lock.json" "$folder/.installed"; then
        npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error
        cp "$folder/package-lock.json" "$folder/.installed"
    fi
}
