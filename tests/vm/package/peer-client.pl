# Connects to ADDRESS PORT until the file `stop` is there, with one connection open all the time, and asks on each whom the
# server sees. Prints how many connections there were; ends with 1 at the first that is not this program's own address.
use strict;
use warnings;
use Socket qw(:DEFAULT AF_INET6 pack_sockaddr_in6 unpack_sockaddr_in6 inet_ntop inet_pton);

my ($address, $port) = @ARGV;
$| = 1;

sub connected {
    socket(my $conn, AF_INET6, SOCK_STREAM, 0) or die "socket: $!";
    connect($conn, pack_sockaddr_in6($port, inet_pton(AF_INET6, $address))) or die "connect: $!";
    return $conn;
}

sub check {
    my ($conn, $which) = @_;
    my ($own_port, $own) = unpack_sockaddr_in6(getsockname($conn));
    my $expected = inet_ntop(AF_INET6, $own) . " $own_port\n";
    syswrite($conn, "who\n");
    sysread($conn, my $answer, 100);
    return if defined $answer && $answer eq $expected;
    print "$which: the server sees ", $answer // 'nothing', " and not $expected";
    exit 1;
}

my $old = connected();
check($old, 'the first connection');
my $count = 0;
do {
    my $new = connected();
    check($new, 'a new connection');
    check($old, 'the old connection');
    $count++;
    select(undef, undef, undef, 0.02);
} until -e 'stop';
print "$count connections\n";
