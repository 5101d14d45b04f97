// SPDX-License-Identifier: GPL-2.0-only
/*
 * The trusted set: toa-core/src/trust.rs in C. Networks are read as the Rust
 * crate ipnet reads them, single addresses as Rust's standard library does: the
 * two differ in what is marked below. tests/vectors/toa-config.txt feeds both.
 */
#include "addr.h"
#include "trust.h"

#define IPV6_GROUPS	8

static const struct {
	const char *word, *nets;
} named[] = {
	{ "private", "10.0.0.0/8,100.64.0.0/10,172.16.0.0/12,192.168.0.0/16,fc00::/7" },
	{ "link-local", "169.254.0.0/16,fe80::/10" },
	{ "loopback", "127.0.0.0/8,::1/128" },
};

static bool read_octet(struct toa_text *text, bool is_net, u8 *octet)
{
	struct toa_text start = *text;
	unsigned int number, digits;

	if (!toa_text_take_number(text, 10, 255, &number))
		return false;
	digits = start.len - text->len;
	/* The standard library refuses a leading zero, which could mean octal. */
	if (digits > 3 || (!is_net && digits > 1 && start.at[0] == '0'))
		return false;
	*octet = number;
	return true;
}

static bool read_ipv4(struct toa_text *text, bool is_net, u8 ip[4])
{
	struct toa_text start = *text;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		if ((!i || toa_text_take(text, '.')) && read_octet(text, is_net, &ip[i]))
			continue;
		*text = start;
		return false;
	}
	return true;
}

static bool read_group(struct toa_text *text, u8 group[2])
{
	struct toa_text start = *text;
	unsigned int number;

	if (!toa_text_take_number(text, 16, 0xffff, &number) || start.len - text->len > 4) {
		*text = start;
		return false;
	}
	group[0] = number >> 8;
	group[1] = number & 0xff;
	return true;
}

/* At most @limit groups with colons in between; an IPv4 address at the end is two. */
static unsigned int read_groups(struct toa_text *text, bool is_net, unsigned int limit,
				u8 *groups, bool *ends_as_ipv4)
{
	unsigned int i;

	*ends_as_ipv4 = false;
	for (i = 0; i < limit; i++) {
		struct toa_text start = *text;
		bool more = !i || toa_text_take(text, ':');

		if (more && i + 1 < limit && read_ipv4(text, is_net, groups + 2 * i)) {
			*ends_as_ipv4 = true;
			return i + 2;
		}
		if (more && read_group(text, groups + 2 * i))
			continue;
		*text = start;
		break;
	}
	return i;
}

static bool read_ipv6(struct toa_text *text, bool is_net, u8 ip[16])
{
	u8 tail[2 * IPV6_GROUPS];
	unsigned int head, after, limit;
	bool ipv4;

	memset(ip, 0, 16);
	head = read_groups(text, is_net, IPV6_GROUPS, ip, &ipv4);
	if (head == IPV6_GROUPS)
		return true;
	if (ipv4 || !toa_text_take(text, ':') || !toa_text_take(text, ':'))
		return false;
	/* To ipnet, "::" can stand for no group at all. */
	limit = IPV6_GROUPS - head - (is_net ? 0 : 1);
	after = read_groups(text, is_net, limit, tail, &ipv4);
	/* A group that was begun and refused has left its bytes. */
	memset(ip + 2 * head, 0, 16 - 2 * head);
	memcpy(ip + 16 - 2 * after, tail, 2 * after);
	return true;
}

static bool read_prefix(struct toa_text *text, unsigned int max, unsigned int *bits)
{
	unsigned int before = text->len;

	return toa_text_take_number(text, 10, max, bits) &&
	       before - text->len <= (max < 100 ? 2 : 3);
}

/* The whole of @text: an address, or with @is_net a network. */
static bool read_net(struct toa_text text, bool is_net, struct toa_net_prefix *net)
{
	struct toa_text start = text;
	unsigned int max = 32, bits;
	u8 ip[4];

	if (read_ipv4(&text, is_net, ip)) {
		toa_addr_map(net->addr, ip);
	} else {
		max = 128;
		text = start;
		if (!read_ipv6(&text, is_net, net->addr))
			return false;
	}
	bits = max;
	if (is_net && !(toa_text_take(&text, '/') && read_prefix(&text, max, &bits)))
		return false;
	net->bits = bits + 128 - max;
	return !text.len;
}

static bool has_host_bits(const struct toa_net_prefix *net)
{
	unsigned int bit;

	for (bit = net->bits; bit < 128; bit++)
		if (net->addr[bit / 8] & (0x80 >> (bit % 8)))
			return true;
	return false;
}

static enum toa_text_error add_net(struct toa_trusted *trusted, struct toa_text item)
{
	struct toa_net_prefix *net = &trusted->nets[trusted->count];

	if (toa_text_is(&item, "any") || toa_text_is(&item, "none"))
		return TOA_TEXT_NOT_ALONE;
	if (trusted->count == TOA_NETS_MAX)
		return TOA_TEXT_TOO_MANY;
	if (!read_net(item, false, net) && !read_net(item, true, net))
		return TOA_TEXT_NOT_A_NETWORK;
	if (has_host_bits(net))
		return TOA_TEXT_HOST_BITS;
	trusted->count++;
	return TOA_TEXT_OK;
}

/* The networks that a word stands for, or the item itself. */
static struct toa_text nets_of(struct toa_text item)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(named); i++)
		if (toa_text_is(&item, named[i].word))
			return toa_text_of(named[i].nets);
	return item;
}

static enum toa_text_error parse_nets(struct toa_text text, struct toa_trusted *trusted,
				      struct toa_text *wrong)
{
	while (toa_text_next_item(&text, wrong)) {
		struct toa_text nets = nets_of(*wrong), net;

		while (toa_text_next_item(&nets, &net)) {
			enum toa_text_error error = add_net(trusted, net);

			if (error)
				return error;
		}
	}
	return trusted->count ? TOA_TEXT_OK : TOA_TEXT_EMPTY;
}

enum toa_text_error toa_trusted_parse(struct toa_text text, struct toa_trusted *trusted,
				      struct toa_text *wrong)
{
	struct toa_text rest = text, only, second;

	trusted->any = false;
	trusted->count = 0;
	if (toa_text_next_item(&rest, &only) && !toa_text_next_item(&rest, &second)) {
		trusted->any = toa_text_is(&only, "any");
		if (trusted->any || toa_text_is(&only, "none"))
			return TOA_TEXT_OK;
	}
	return parse_nets(text, trusted, wrong);
}

static bool net_has(const struct toa_net_prefix *net, const u8 addr[16])
{
	unsigned int bytes = net->bits / 8, rest = net->bits % 8;

	if (memcmp(net->addr, addr, bytes))
		return false;
	return !rest || !((net->addr[bytes] ^ addr[bytes]) >> (8 - rest));
}

bool toa_trusted_has(const struct toa_trusted *trusted, const u8 peer[16])
{
	bool mapped = toa_addr_is_mapped(peer);
	unsigned int i;

	if (trusted->any)
		return true;
	for (i = 0; i < trusted->count; i++) {
		const struct toa_net_prefix *net = &trusted->nets[i];

		/* ::/0 is every IPv6 peer; IPv4 peers are looked up as IPv4. */
		if (mapped && net->bits < 96)
			continue;
		if (net_has(net, peer))
			return true;
	}
	return false;
}
