#!/bin/sh
# In a Debian that has booted: the package from its installation to its purge. The second half is asked after another boot.
#
#   guest.sh install|reboot
set -eu
export SYSTEMD_COLORS=0 SYSTEMD_URLIFY=0

say() { echo "== $*"; }
fail() {
    echo "FAILED: $*"
    systemctl status --no-pager --full toa.service || true
    toa status || true
    exit 1
}

# A terminal gets progress from dpkg.
package() { dpkg "$@" >dpkg.log 2>&1 || fail "dpkg $*: $(cat dpkg.log)"; }

# Balancers on this machine: nginx behind one, a server that tells whom the kernel shows it behind the other.
balance() {
    systemd-run --quiet --unit=balancer-nginx toa lb 80 --network-v4 10.9.8.0/24 --network-v6 fd00:98::/64
    systemd-run --quiet --unit=balancer-peer toa lb 81 --network-v4 10.9.9.0/24 --network-v6 fd00:99::/64
    systemd-run --quiet --unit=peer-server --working-directory="$PWD" perl peer-server.pl 81
    for device in toa0 toa1; do
        for _ in $(seq 100); do
            [ ! -e /sys/class/net/$device ] || break
            sleep 0.1
        done
    done
    sleep 1
}

nginx_sees_its_client() {
    seen=$(perl http-get.pl fd00:98::2 80) || fail 'nginx does not answer'
    [ "${seen% *}" = "${seen#* }" ] || fail "nginx sees ${seen#* } and not ${seen% *}"
}

# Whatever happens meanwhile, no connection is without its address.
while_connections_come() {
    rm -f stop
    perl peer-client.pl fd00:99::2 81 >connections 2>&1 &
    client=$!
    sleep 1
    "$@" || fail "$*"
    sleep 1
    : >stop
    wait "$client" || fail "$(cat connections)"
    echo "$(cat connections) during: $*"
}

settings() {
    cat >/etc/toa/toa.toml <<-TOML
		[[source]]
		name = "balancer"
		scope = "host"
		trust = ["10.9.0.0/16"]
	TOML
}

install() {
    say 'installed, it does nothing before it is told whom to trust'
    cat >/etc/nginx/sites-available/default <<-'NGINX'
		server { listen [::]:80 ipv6only=off; location / { default_type text/plain; return 200 "$remote_addr"; } }
	NGINX
    package -i toa_1.deb
    [ "$(systemctl is-enabled toa.service)" = disabled ] || fail 'it is enabled'
    ! systemctl start toa.service || fail 'it starts without settings'
    journalctl -u toa.service | grep -q 'no \[\[source\]\] in it' || fail 'nobody is told why'
    ! toa status >/dev/null || fail 'a source is loaded'

    say 'the unit is one that systemd has nothing to say about'
    systemd-analyze verify --man=no toa.service 2>&1 | tee verify
    [ ! -s verify ] || fail 'systemd-analyze verify'
    systemd-analyze security --no-pager toa.service | tail -n 1

    say 'with settings it starts, and a service that runs already sees its clients'
    settings
    toa check-config
    systemctl enable --now toa.service
    toa diff
    toa status
    balance
    systemctl restart nginx.service
    nginx_sees_its_client
    while_connections_come true
}

reboot() {
    say 'loaded at boot, before there is a network'
    systemctl is-system-running --wait
    systemctl is-active toa.service
    toa diff
    loaded=$(systemctl show --property=ActiveEnterTimestampMonotonic --value toa.service)
    network=$(systemctl show --property=InactiveExitTimestampMonotonic --value networking.service)
    [ "$loaded" -lt "$network" ] || fail "toa.service was ready at $loaded us, the network began at $network us"
    balance
    nginx_sees_its_client

    say 'reload, restart, upgrade and rollback lose no address'
    while_connections_come systemctl reload toa.service
    while_connections_come systemctl restart toa.service
    while_connections_come package -i toa_2.deb
    grep -q 10.9.0.0/16 /etc/toa/toa.toml || fail 'the upgrade has replaced the settings'
    while_connections_come package -i toa_1.deb
    systemctl is-active toa.service
    systemctl is-enabled toa.service
    while_connections_come true

    say 'stopped, it is gone; a boot would start it again'
    systemctl stop toa.service
    ! toa status >/dev/null || fail 'a source is loaded'
    systemctl start toa.service
    nginx_sees_its_client

    say 'removed, the settings stay; purged, nothing does'
    package -r toa
    [ ! -e /sys/fs/bpf/toa ] || fail 'the source is still pinned'
    [ -e /etc/toa/toa.toml ] || fail 'the settings are gone'
    package -P toa
    left=$(find /etc /usr /var/lib/systemd /sys/fs/bpf -name '*toa*' ! -path '/usr/share/doc/*' -print)
    [ -z "$left" ] || fail "left behind: $left"
}

"$1"
