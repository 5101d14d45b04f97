// SPDX-License-Identifier: GPL-2.0-only
/*
 * The option parser. It reads bytes that a stranger chose, so it depends on
 * nothing: no skb, no lock, no allocation, an answer for any input. The fuzzer
 * and the test vectors build this same file in user space.
 */
#include "addr.h"
#include "option.h"

#define LEN_IPV4	8
#define LEN_IPV6	20

/* RFC 9293 section 3.1: a data offset of 15 leaves this much for options. */
#define LIST_MAX	40

#define KIND_NOP	1
#define KIND_TIMESTAMP	8
#define LEN_TIMESTAMP	10
#define LEN_TIMESTAMP_PADDED	12

static bool ipv4_can_be_a_client(const u8 ip[4])
{
	static const u8 unspecified[4];
	static const u8 broadcast[4] = { 255, 255, 255, 255 };

	return memcmp(ip, unspecified, 4) && memcmp(ip, broadcast, 4) &&
	       ip[0] != 127 && (ip[0] & 0xf0) != 224;
}

static bool can_be_a_client(const u8 addr[16])
{
	static const u8 zero[15];

	if (toa_addr_is_mapped(addr))
		return ipv4_can_be_a_client(addr + 12);
	if (!memcmp(addr, zero, sizeof(zero)) && addr[15] <= 1)
		return false;
	return addr[0] != 0xff;
}

/* The first option with a right length is the only one that counts. */
static enum toa_verdict read_option(const u8 *option, struct toa_option *found)
{
	found->kind = option[0];
	found->size = option[1];
	memcpy(found->port, option + 2, sizeof(found->port));
	if (option[1] == LEN_IPV4)
		toa_addr_map(found->client, option + 4);
	else
		memcpy(found->client, option + 4, sizeof(found->client));
	return can_be_a_client(found->client) ? TOA_OPTION_FOUND :
						TOA_OPTION_INVALID;
}

/*
 * RFC 9293 section 3.1: kind 0 ends the list, kind 1 is one byte, all others
 * carry their length. @found is meaningful only with TOA_OPTION_FOUND.
 */
enum toa_verdict toa_option_parse(const struct toa_kinds *kinds, const u8 *list,
				  unsigned int len, struct toa_option *found)
{
	enum toa_verdict verdict = TOA_OPTION_NONE;
	unsigned int at = 0;

	while (at < len && list[at] != 0) {
		bool ours;
		u8 size;

		if (list[at] == 1) {
			at++;
			continue;
		}
		if (len - at < 2)
			break;
		ours = toa_kinds_has(kinds, list[at]);
		size = list[at + 1];
		if (size < 2 || size > len - at)
			return ours ? TOA_OPTION_INVALID : verdict;
		if (ours && (size == LEN_IPV4 || size == LEN_IPV6)) {
			found->at = at;
			return read_option(list + at, found);
		}
		if (ours)
			verdict = TOA_OPTION_INVALID;
		at += size;
	}
	return verdict;
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

	if (len + found->size <= LIST_MAX)
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
