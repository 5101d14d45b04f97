// SPDX-License-Identifier: GPL-2.0-only
/*
 * The option parser. It reads bytes that a stranger chose, so it depends on
 * nothing: no skb, no lock, no allocation, an answer for any input. The fuzzer
 * and the test vectors build this same file in user space.
 */
#include "addr.h"
#include "option.h"

/* RFC 9293 section 3.1: a data offset of 15 leaves this much for options. */
#define LIST_MAX	40

#define KIND_END	0
#define KIND_NOP	1
#define KIND_TIMESTAMP	8
#define LEN_TIMESTAMP	10
#define LEN_TIMESTAMP_PADDED	12

/* RFC 5482; the format cip is under the same kind. */
#define KIND_USER_TIMEOUT	28
#define LEN_USER_TIMEOUT	4

/* Of TOA_LAYOUT_VIP4. */
#define KIND_VIP	250
#define LEN_VIP		8

static bool ipv4_can_be_a_client(const u8 ip[4])
{
	return ip[0] != 0 && ip[0] != 127 && ip[0] < 224;
}

/* RFC 6052: the IPv4 address of 64:ff9b::/96 must be one that a client can have. */
static bool can_be_a_client(const u8 addr[16])
{
	static const u8 nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
	static const u8 zero[12];

	if (toa_addr_is_mapped(addr) || !memcmp(addr, nat64, sizeof(nat64)))
		return ipv4_can_be_a_client(addr + 12);
	return memcmp(addr, zero, sizeof(zero)) && addr[0] != 0xff;
}

static void read_addr(const u8 *from, u8 len, u8 addr[16])
{
	if (len == 4)
		toa_addr_map(addr, from);
	else
		memcpy(addr, from, 16);
}

static void read_port(const u8 *option, u8 at, u8 port[2])
{
	port[0] = at ? option[at] : 0;
	port[1] = at ? option[at + 1] : 0;
}

/* An unspecified address is none. */
static void read_virtual(const u8 *option, const struct toa_fields *fields,
			 struct toa_option *found)
{
	static const u8 zero[16];

	if (!memcmp(option + fields->virtual_addr, zero, fields->addr_len))
		return;
	read_addr(option + fields->virtual_addr, fields->addr_len, found->virtual_addr);
	read_port(option, fields->virtual_port, found->virtual_port);
	found->has_virtual = !toa_addr_is_mapped(found->virtual_addr) ||
			     memcmp(found->virtual_addr + 12, zero, 4);
}

/*
 * With vtoa, a balancer writes the virtual address into an option of its own,
 * directly beside that with the client.
 */
static void read_vip_beside(const struct toa_formats *formats, const u8 *list,
			    unsigned int len, bool vip_before, struct toa_option *found)
{
	unsigned int end = found->at + found->size;
	const u8 *vip;

	found->needed += LEN_VIP;
	if (vip_before) {
		found->at -= LEN_VIP;
		vip = list + found->at;
	} else if (len - end >= LEN_VIP &&
		   toa_formats_layout(formats, list[end], list[end + 1]) == TOA_LAYOUT_VIP4) {
		vip = list + end;
	} else {
		return;
	}
	found->size += LEN_VIP;
	read_virtual(vip, &toa_fields[TOA_LAYOUT_VIP4], found);
}

/* The first option of a known format is the only one that counts. */
static enum toa_verdict read_option(const struct toa_formats *formats, const u8 *list,
				    unsigned int len, bool vip_before,
				    struct toa_option *found)
{
	const struct toa_fields *fields = &toa_fields[found->layout];
	const u8 *option = list + found->at;

	found->size = fields->len;
	found->needed = fields->len;
	found->has_virtual = false;
	if (found->layout == TOA_LAYOUT_TOA4) {
		if (formats->by_kind[KIND_VIP] & 1U << TOA_LAYOUT_VIP4)
			read_vip_beside(formats, list, len, vip_before, found);
	} else if (fields->virtual_addr) {
		read_virtual(option, fields, found);
	}
	read_addr(option + fields->addr, fields->addr_len, found->client);
	read_port(option, fields->port, found->port);
	if (fields->version && option[2] != fields->version)
		return TOA_OPTION_INVALID;
	return can_be_a_client(found->client) ? TOA_OPTION_FOUND : TOA_OPTION_INVALID;
}

/*
 * RFC 9293 section 3.1: kind 0 ends the list, kind 1 is one byte, all others
 * carry their length.
 */
enum toa_verdict toa_option_parse(const struct toa_formats *formats, const u8 *list,
				  unsigned int len, struct toa_option *found)
{
	enum toa_verdict verdict = TOA_OPTION_NONE;
	unsigned int at = 0, behind_vip = 0;

	while (at + 1 < len && list[at] != KIND_END) {
		u8 kind = list[at], size = list[at + 1];
		enum toa_layout layout;

		if (kind == KIND_NOP) {
			at++;
			continue;
		}
		if (size < 2 || size > len - at) {
			if (!formats->by_kind[kind])
				return verdict;
			found->kind = kind;
			found->len = size;
			return TOA_OPTION_INVALID;
		}
		layout = toa_formats_layout(formats, kind, size);
		if (layout == TOA_LAYOUT_VIP4) {
			behind_vip = at + size;
		} else if (layout != TOA_LAYOUTS) {
			found->kind = kind;
			found->len = size;
			found->layout = layout;
			found->at = at;
			return read_option(formats, list, len, at && at == behind_vip, found);
		} else if (formats->by_kind[kind] && verdict == TOA_OPTION_NONE) {
			found->kind = kind;
			found->len = size;
			verdict = TOA_OPTION_FOREIGN;
		}
		at += size;
	}
	return verdict;
}

/* What nearly every segment without a TOA option has: two NOPs, and timestamps. */
static bool is_plain(const u8 *list, unsigned int len)
{
	static const u8 plain[] = { KIND_NOP, KIND_NOP, KIND_TIMESTAMP, LEN_TIMESTAMP };

	return len == LEN_TIMESTAMP_PADDED && !memcmp(list, plain, sizeof(plain));
}

static bool is_standard(u8 kind, u8 size)
{
	if (kind == KIND_USER_TIMEOUT)
		return size == LEN_USER_TIMEOUT;
	return toa_kind_is_assigned(kind);
}

bool toa_option_find_unknown(const struct toa_formats *formats, const u8 *list,
			     unsigned int len, struct toa_option *found)
{
	unsigned int at = 0;

	if (is_plain(list, len))
		return false;
	while (at + 1 < len && list[at] != KIND_END) {
		u8 kind = list[at], size = list[at + 1];

		if (kind == KIND_NOP) {
			at++;
			continue;
		}
		if (!formats->by_kind[kind] && !is_standard(kind, size)) {
			found->kind = kind;
			found->len = size;
			return true;
		}
		if (size < 2 || size > len - at)
			break;
		at += size;
	}
	return false;
}

/*
 * A client behind the balancer can fill the list, so that the balancer finds no
 * room for its option and the client's own one comes first. Where there was room
 * for one more option of this size, the first one is the balancer's. Otherwise
 * the rest of the list must be what a client's TCP sends in an ACK: timestamps
 * and padding.
 */
bool toa_option_is_plausible(const struct toa_option *found, const u8 *list,
			     unsigned int len, bool timestamps)
{
	unsigned int expected = (found->size + 3) & ~3U;
	unsigned int at = 0;

	if (len + found->needed <= LIST_MAX)
		return true;
	while (at < len) {
		if (at == found->at) {
			at += found->size;
		} else if (list[at] <= KIND_NOP) {
			at++;
		} else if (timestamps && len - at >= LEN_TIMESTAMP &&
			   list[at] == KIND_TIMESTAMP && list[at + 1] == LEN_TIMESTAMP) {
			timestamps = false;
			expected += LEN_TIMESTAMP_PADDED;
			at += LEN_TIMESTAMP;
		} else {
			return false;
		}
	}
	return len <= expected;
}
