# Answers each line of a connection with the peer's address and port, as the kernel tells them at that moment.
#
#   perl peer-server.pl PORT
use strict;
use warnings;
use Socket qw(:DEFAULT AF_INET6 SOMAXCONN sockaddr_in6 pack_sockaddr_in6 unpack_sockaddr_in6 inet_ntop IN6ADDR_ANY);

socket(my $listener, AF_INET6, SOCK_STREAM, 0) or die "socket: $!";
setsockopt($listener, SOL_SOCKET, SO_REUSEADDR, 1);
bind($listener, pack_sockaddr_in6($ARGV[0], Socket::IN6ADDR_ANY)) or die "bind: $!";
listen($listener, SOMAXCONN) or die "listen: $!";
$SIG{CHLD} = 'IGNORE';
while (accept(my $conn, $listener)) {
    next if fork;
    while (sysread($conn, my $line, 100)) {
        my ($port, $addr) = unpack_sockaddr_in6(getpeername($conn) || last);
        syswrite($conn, inet_ntop(AF_INET6, $addr) . " $port\n");
    }
    exit;
}
