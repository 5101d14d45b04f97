# shellcheck shell=bash
# What the build commands share: the tools, the program, and what ships beside it.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
target_dir=$(realpath -m "${CARGO_TARGET_DIR:-target}")
# The paths of this one stand in toa-cli/Cargo.toml.
staged=target/packaging

# Everything in a package is as old as the commit.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
maintainer=$(sed -n 's/^maintainer = "\(.*\)"$/\1/p' toa-cli/Cargo.toml)
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
export SOURCE_DATE_EPOCH LC_ALL=C.UTF-8 TZ=UTC

# Debian's or rpm's name of an architecture to Rust's target: static, where rustup has that, else for the C library of this machine.
target_of() {
    local machine target
    case $1 in
    amd64 | x86_64) machine=x86_64 ;;
    arm64 | aarch64) machine=aarch64 ;;
    *)
        echo "unknown architecture '$1': use amd64 or arm64" >&2
        exit 2
        ;;
    esac
    target=$machine-unknown-linux-musl
    if has_std "$target" || { rustup target add "$target" >/dev/null 2>&1 && has_std "$target"; }; then
        echo "$target"
    elif has_std "$machine-unknown-linux-gnu"; then
        echo "no $target to be had (rustup target add): NOT a static program, it needs this machine's C library or a newer one" >&2
        echo "$machine-unknown-linux-gnu"
    else
        echo "no Rust for $machine to be had: rustup target add $target" >&2
        exit 1
    fi
}

has_std() { [[ -d $(rustc --print sysroot)/lib/rustlib/$1/lib ]]; }

# A cargo command of that version, installed into target/tools where it is missing. Not optimized: they are built more often
# than they have something to do.
tool() {
    local tools=$root/target/tools version
    version=$("$tools/bin/$1" --version 2>/dev/null || true)
    if [[ $version != *"$2"* ]]; then
        cargo install --quiet --locked --debug --root "$tools" --target-dir "$target_dir/tools-build" --no-default-features "$1@$2"
        rm -rf "$target_dir/tools-build"
    fi
    PATH=$tools/bin:$PATH
}

# The program for the target $1, and what ships beside it. No path of this machine stands in it.
build() {
    local machine=${1^^}
    export RUSTFLAGS="--remap-path-prefix=$root=/toa --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo --remap-path-prefix=$(rustc --print sysroot)=/rust"
    if [[ $1 == *-musl ]]; then
        export "CARGO_TARGET_${machine//-/_}_LINKER=rust-lld"
    fi
    cargo build --quiet --locked --profile dist --package toa-cli --target "$1"
    unset RUSTFLAGS

    rm -rf "$staged"
    mkdir -p "$staged/man"
    cargo run --quiet --locked --package toa-cli -- generate "$staged"
    mv "$staged"/*.1 "$staged/man"
    packaging/third-party-licenses "$1" | gzip -9n >"$staged/third-party-licenses.gz"
    changelog toa "$version" >"$staged/changelog"
}

# Debian's changelog of the package $1, version $2.
changelog() {
    cat <<-CHANGELOG
		$1 ($2-1) unstable; urgency=medium

		  * What has changed: CHANGELOG.md of the sources.

		 -- $maintainer  $(date --date="@$SOURCE_DATE_EPOCH" --rfc-email)
	CHANGELOG
}
