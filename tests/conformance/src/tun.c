/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tun.h"

#include "clock.h"
#include "report.h"
#include "sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/ipv6.h>
#include <linux/ipv6_route.h>
#include <linux/route.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define DEVICE "toa0"

static int device = -1;
static unsigned int device_index;
static bool has_v6;

static void must(int rc, const char *what)
{
	if (rc < 0)
		bail_out("cannot set up the TUN device: %s: %s", what, strerror(errno));
}

static int open_node(void)
{
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0 || errno != ENOENT)
		return fd;
	mkdir("/dev", 0755);
	mkdir("/dev/net", 0755);
	if (mknod("/dev/net/tun", S_IFCHR | 0600, makedev(10, 200)) < 0)
		return -1;
	return open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
}

static struct ifreq request(void)
{
	struct ifreq ifr;

	memset(&ifr, 0, sizeof(ifr));
	strcpy(ifr.ifr_name, DEVICE);
	return ifr;
}

static void create_device(void)
{
	struct ifreq ifr = request();

	if (device >= 0)
		close(device); /* a child inherited its parent's */
	device = open_node();
	if (device < 0)
		bail_out("cannot open /dev/net/tun: %s; the kernel needs CONFIG_TUN "
			 "(modprobe tun) and the suite needs root", strerror(errno));
	ifr.ifr_flags = IFF_TUN | IFF_NO_PI;
	must(ioctl(device, TUNSETIFF, &ifr), "TUNSETIFF");
}

static void configure_v4(int s)
{
	struct ifreq ifr = request();
	struct endpoint host = endpoint(HOST_V4, 0);
	struct sockaddr_storage name;
	struct rtentry route;

	endpoint_to_name(&host, AF_INET, &name);
	memcpy(&ifr.ifr_addr, &name, sizeof(ifr.ifr_addr));
	must(ioctl(s, SIOCSIFADDR, &ifr), "SIOCSIFADDR " HOST_V4);

	memset(&route, 0, sizeof(route));
	route.rt_dst.sa_family = AF_INET;
	route.rt_genmask.sa_family = AF_INET;
	route.rt_flags = RTF_UP;
	route.rt_dev = (char *)DEVICE;
	must(ioctl(s, SIOCADDRT, &route), "default IPv4 route");
}

/* An address can be bound to only once it is no longer tentative. */
static void wait_usable_v6(int s, const struct in6_addr *addr)
{
	struct sockaddr_in6 name = { .sin6_family = AF_INET6, .sin6_addr = *addr };
	long deadline = clock_ms() + WAIT_MS;

	while (bind(s, (struct sockaddr *)&name, sizeof(name)) < 0) {
		if (clock_ms() > deadline)
			bail_out("the IPv6 address " HOST_V6 " does not become usable: %s",
				 strerror(errno));
		poll(NULL, 0, 5);
	}
}

static void configure_v6(int s)
{
	struct in6_ifreq {
		struct in6_addr addr;
		uint32_t prefix_len;
		int index;
	} ifr = { .addr = address(HOST_V6), .prefix_len = 128, .index = (int)device_index };
	struct in6_rtmsg route;

	must(ioctl(s, SIOCSIFADDR, &ifr), "SIOCSIFADDR " HOST_V6);
	memset(&route, 0, sizeof(route));
	route.rtmsg_metric = 1;
	route.rtmsg_flags = RTF_UP;
	route.rtmsg_ifindex = (int)device_index;
	must(ioctl(s, SIOCADDRT, &route), "default IPv6 route");
	/* fe80::/10 is wider than the fe80::/64 that the kernel may add. */
	route.rtmsg_dst = address("fe80::");
	route.rtmsg_dst_len = 10;
	must(ioctl(s, SIOCADDRT, &route), "route to fe80::/10");
	wait_usable_v6(s, &ifr.addr);
}

static void bring_up(int s, const char *name)
{
	struct ifreq ifr;

	memset(&ifr, 0, sizeof(ifr));
	strcpy(ifr.ifr_name, name);
	must(ioctl(s, SIOCGIFFLAGS, &ifr), "SIOCGIFFLAGS");
	ifr.ifr_flags |= IFF_UP;
	must(ioctl(s, SIOCSIFFLAGS, &ifr), "SIOCSIFFLAGS");
}

void tun_open(void)
{
	int four = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int six = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr;

	must(four, "IPv4 socket");
	create_device();
	ifr = request();
	must(ioctl(four, SIOCGIFINDEX, &ifr), "SIOCGIFINDEX");
	device_index = (unsigned int)ifr.ifr_ifindex;

	sysctl_set("net/ipv4/conf/all/rp_filter", "0");
	sysctl_set("net/ipv4/conf/" DEVICE "/rp_filter", "0");
	sysctl_set("net/ipv4/conf/all/log_martians", "0");
	sysctl_set("net/ipv6/conf/all/disable_ipv6", "0");
	sysctl_set("net/ipv6/conf/" DEVICE "/disable_ipv6", "0");
	sysctl_set("net/ipv6/conf/" DEVICE "/accept_dad", "0");
	sysctl_set("net/ipv6/conf/" DEVICE "/dad_transmits", "0");
	bring_up(four, "lo");
	bring_up(four, DEVICE);

	configure_v4(four);
	close(four);
	has_v6 = six >= 0 && sysctl_has("net/ipv6/conf/" DEVICE);
	if (has_v6)
		configure_v6(six);
	if (six >= 0)
		close(six);
}

unsigned int tun_index(void)
{
	return device_index;
}

bool tun_has_v6(void)
{
	return has_v6;
}

void tun_send(const struct segment *seg)
{
	uint8_t packet[PACKET_MAX];
	size_t len = segment_write(seg, packet);

	if (write(device, packet, len) != (ssize_t)len)
		bail_out("the TUN device takes no packets: %s", strerror(errno));
}

bool tun_receive(struct segment *seg, int timeout_ms)
{
	static uint8_t packet[PACKET_MAX];
	long deadline = clock_ms() + timeout_ms;
	struct pollfd pfd = { .fd = device, .events = POLLIN };
	ssize_t len;
	long left;

	for (;;) {
		len = read(device, packet, sizeof(packet));
		if (len > 0 && segment_read(seg, packet, (size_t)len))
			return true;
		left = deadline - clock_ms();
		if (len > 0)
			continue; /* multicast listener reports and the like */
		if (left <= 0)
			return false;
		poll(&pfd, 1, (int)left);
	}
}

void tun_drain(void)
{
	struct segment seg;

	while (tun_receive(&seg, 0))
		;
}
