#!/bin/sh
# Installs what starts the module at boot below a directory, and uninstalls it: a changed toa.conf stays, an unchanged one goes.
set -eu
cd "$(dirname "$0")/.."
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
conf=$root/etc/modprobe.d/toa.conf

die() {
    echo "uninstall: $*"
    exit 1
}

run() { make -s "$1" DESTDIR="$root" KDIR=/nonexistent >"$root/out" 2>&1 || die "make $1: $(cat "$root/out")"; }

run install-boot
[ -e "$conf" ] || die "no $conf was installed"
run uninstall
[ -z "$(find "$root/etc" -type f)" ] || die "left behind: $(find "$root/etc" -type f)"

run install-boot
echo 'options toa trusted=10.1.0.0/16' >>"$conf"
run install-boot
run uninstall
grep -q '^options toa trusted=10.1.0.0/16$' "$conf" || die "the operator's toa.conf is gone"
grep -q "left: $conf" "$root/out" || die "nobody is told that toa.conf stays: $(cat "$root/out")"
[ "$(find "$root/etc" -type f)" = "$conf" ] || die "left behind: $(find "$root/etc" -type f)"
echo "uninstall: ok"
