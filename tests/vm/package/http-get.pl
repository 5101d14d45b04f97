# Asks ADDRESS PORT for / and prints this program's own address, and the answer's text.
use strict;
use warnings;
use Socket qw(:DEFAULT AF_INET6 pack_sockaddr_in6 unpack_sockaddr_in6 inet_ntop inet_pton);

my ($address, $port) = @ARGV;
socket(my $conn, AF_INET6, SOCK_STREAM, 0) or die "socket: $!";
connect($conn, pack_sockaddr_in6($port, inet_pton(AF_INET6, $address))) or die "connect: $!\n";
my (undef, $own) = unpack_sockaddr_in6(getsockname($conn));
syswrite($conn, "GET / HTTP/1.0\r\n\r\n");
my $answer = join '', <$conn>;
$answer =~ s/.*\r\n\r\n//s;
print inet_ntop(AF_INET6, $own), " $answer\n";
