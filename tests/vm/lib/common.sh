# shellcheck shell=bash
# What the commands of vm/ share: the cache, the series they know, and a private apt.

cache=${TOA_VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/toa-vm}

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() {
    say "$*"
    exit 125
}

# The Debian suite whose own kernel is of that series.
suite_of() {
    case $1 in
    5.10) echo bullseye ;;
    6.1) echo bookworm ;;
    6.12) echo trixie ;;
    newest) echo sid ;;
    *) die "unknown kernel '$1': use 5.10, 6.1, 6.12 or newest" ;;
    esac
}

# Debian's name for an architecture.
debian_arch() {
    case $1 in
    x86_64 | x86-64 | amd64) echo amd64 ;;
    arm64 | aarch64) echo arm64 ;;
    *) die "unknown architecture '$1': use x86_64 or arm64" ;;
    esac
}

# The machine's own setting, so that a local mirror or a snapshot is honoured: $1 is debian or debian-security.
mirror() {
    local uris
    if [[ $1 == debian && -n ${TOA_VM_DEBIAN_MIRROR:-} ]]; then
        echo "$TOA_VM_DEBIAN_MIRROR"
        return
    fi
    # shellcheck disable=SC2016 # the $() is apt's
    uris=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages')
    grep -E -m1 "/$1(/|\$)" <<<"$uris" || true
}

# An apt of our own for one suite and architecture: its state lives in the cache, and the machine's stays untouched.
# Prints the configuration file's name.
private_apt() {
    local suite=$1 arch=$2 main security
    local dir=$cache/apt/$suite-$arch
    local conf=$dir/apt.conf trust='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg target=Packages]'
    if [[ ! -e $dir/updated ]]; then
        main=$(mirror debian)
        [[ -n $main ]] || die "no Debian mirror in this machine's apt sources: set TOA_VM_DEBIAN_MIRROR to one"
        security=$(mirror debian-security)
        rm -rf "$dir"
        mkdir -p "$dir"/{none,state/lists/partial,cache/archives/partial}
        : >"$dir/status"
        {
            echo "deb $trust $main $suite main"
            if [[ $suite != sid && -n $security ]]; then
                echo "deb $trust $security $suite-security main"
            fi
        } >"$dir/sources.list"
        # A container's apt may delete downloads after every update: its hooks are not for us, nor are they to hit others.
        cat >"$conf" <<-CONF
			#clear APT::Architectures;
			#clear APT::Update::Post-Invoke;
			#clear DPkg::Post-Invoke;
			APT::Architecture "$arch";
			APT::Architectures { "$arch"; };
			APT::Sandbox::User "root";
			APT::Install-Recommends "false";
			Acquire::Check-Valid-Until "false";
			Acquire::Languages "none";
			Acquire::PDiffs "false";
			Acquire::Retries "3";
			Dir::State "$dir/state";
			Dir::State::status "$dir/status";
			Dir::Cache "$dir/cache";
			Dir::Cache::pkgcache "pkgcache.bin";
			Dir::Cache::srcpkgcache "";
			Dir::Etc::SourceList "$dir/sources.list";
			Dir::Etc::SourceParts "$dir/none";
			Dir::Etc::Preferences "$dir/none/preferences";
			Dir::Etc::PreferencesParts "$dir/none";
		CONF
        say "reading the package index of Debian $suite $arch"
        apt-get -qq -c "$conf" update >&2 || die "apt cannot read the index of Debian $suite $arch"
        : >"$dir/updated"
    fi
    echo "$conf"
}

# The names that package $2 depends on, one a line (the first of alternatives).
depends_of() {
    apt-cache -c "$1" show --no-all-versions "$2" |
        sed -n 's/^\(Pre-\)\{0,1\}Depends: //p' | tr ',' '\n' | sed 's/^ *//; s/[ (|:].*//'
}

# Unpacks packages $3... into directory $2.
unpack() {
    local conf=$1 root=$2 tmp deb
    shift 2
    tmp=$(mktemp -d "$cache/tmp.XXXXXX")
    (cd "$tmp" && apt-get -qq -c "$conf" download "$@" >&2) || die "apt cannot download $*"
    for deb in "$tmp"/*.deb; do
        dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$root" --no-same-owner --keep-directory-symlink
    done
    rm -rf "$tmp"
}

# Two commands at a time must not fill the same corner of the cache. Sub-processes of the holder are never left behind,
# so the lock ends with it.
lock() {
    mkdir -p "$cache/locks"
    exec {lock_fd}>"$cache/locks/$1"
    flock "$lock_fd"
}
unlock() { exec {lock_fd}>&-; }
