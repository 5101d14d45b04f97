/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "packet.h"

#include <netinet/ip.h>
#include <string.h>

#define IP4_HEADER 20
#define IP6_HEADER 40
#define TCP_HEADER 20
#define IP4_OPTIONS 4 /* of a long header: four NOPs */
#define IP6_OPTIONS 8 /* a destination options header full of padding */
#define MAPPED_V4 12 /* where the four bytes stand in a mapped address */

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static uint32_t sum(uint32_t acc, const uint8_t *p, size_t len)
{
	for (; len > 1; p += 2, len -= 2)
		acc += get16(p);
	return len ? acc + ((uint32_t)p[0] << 8) : acc;
}

static uint32_t fold(uint32_t acc)
{
	while (acc >> 16)
		acc = (acc & 0xffff) + (acc >> 16);
	return ~acc & 0xffff;
}

/* RFC 9293 section 3.1: the sum covers a pseudo header of both addresses. */
static uint32_t tcp_checksum(const struct segment *seg, const uint8_t *tcp, size_t len)
{
	size_t skip = address_is_v4(&seg->src.addr) ? MAPPED_V4 : 0;
	uint32_t acc = IPPROTO_TCP + (uint32_t)len;

	acc = sum(acc, seg->src.addr.s6_addr + skip, 16 - skip);
	acc = sum(acc, seg->dst.addr.s6_addr + skip, 16 - skip);
	return fold(sum(acc, tcp, len));
}

static size_t ip6_write(const struct segment *seg, uint8_t *ip, size_t payload)
{
	static const uint8_t padding[IP6_OPTIONS] = { IPPROTO_TCP, 0, 1, 4 };
	size_t extra = seg->long_ip ? IP6_OPTIONS : 0;

	memset(ip, 0, IP6_HEADER);
	ip[0] = 0x60;
	put16(ip + 4, (uint32_t)(payload + extra));
	ip[6] = extra ? IPPROTO_DSTOPTS : IPPROTO_TCP;
	ip[7] = 64;
	memcpy(ip + 8, &seg->src.addr, 16);
	memcpy(ip + 24, &seg->dst.addr, 16);
	memcpy(ip + IP6_HEADER, padding, extra);
	return IP6_HEADER + extra;
}

static size_t ip4_write(const struct segment *seg, uint8_t *ip, size_t payload)
{
	size_t header = IP4_HEADER + (seg->long_ip ? IP4_OPTIONS : 0);

	memset(ip, 0, IP4_HEADER);
	memset(ip + IP4_HEADER, IPOPT_NOP, header - IP4_HEADER);
	ip[0] = (uint8_t)(0x40 | header / 4);
	put16(ip + 2, (uint32_t)(header + payload));
	ip[6] = 0x40; /* don't fragment */
	ip[8] = 64;
	ip[9] = IPPROTO_TCP;
	memcpy(ip + 12, seg->src.addr.s6_addr + MAPPED_V4, 4);
	memcpy(ip + 16, seg->dst.addr.s6_addr + MAPPED_V4, 4);
	put16(ip + 10, fold(sum(0, ip, header)));
	return header;
}

static size_t ip_write(const struct segment *seg, uint8_t *ip, size_t payload)
{
	return address_is_v4(&seg->src.addr) ? ip4_write(seg, ip, payload) :
					       ip6_write(seg, ip, payload);
}

size_t segment_write(const struct segment *seg, uint8_t *packet)
{
	size_t header = TCP_HEADER + seg->opts.len;
	size_t ip = ip_write(seg, packet, header + seg->len);
	uint8_t *tcp = packet + ip;

	memset(tcp, 0, TCP_HEADER);
	put16(tcp, seg->src.port);
	put16(tcp + 2, seg->dst.port);
	put32(tcp + 4, seg->seq);
	put32(tcp + 8, seg->ack);
	tcp[12] = (uint8_t)(header / 4 << 4);
	tcp[13] = seg->flags;
	put16(tcp + 14, 65535); /* window */
	memcpy(tcp + TCP_HEADER, seg->opts.bytes, seg->opts.len);
	if (seg->len)
		memcpy(tcp + header, seg->data, seg->len);
	put16(tcp + 16, tcp_checksum(seg, tcp, header + seg->len));
	return ip + header + seg->len;
}

static void mapped(struct in6_addr *addr, const uint8_t *four)
{
	memset(addr, 0, sizeof(*addr));
	addr->s6_addr[10] = addr->s6_addr[11] = 0xff;
	memcpy(addr->s6_addr + MAPPED_V4, four, 4);
}

/* The size of the IP header, 0 when TCP does not follow it. */
static size_t ip_read(struct segment *seg, const uint8_t *ip, size_t len)
{
	if (len >= IP6_HEADER && ip[0] >> 4 == 6) {
		if (ip[6] != IPPROTO_TCP)
			return 0;
		memcpy(&seg->src.addr, ip + 8, 16);
		memcpy(&seg->dst.addr, ip + 24, 16);
		return IP6_HEADER;
	}
	if (len >= IP4_HEADER && ip[0] >> 4 == 4) {
		if (ip[9] != IPPROTO_TCP)
			return 0;
		mapped(&seg->src.addr, ip + 12);
		mapped(&seg->dst.addr, ip + 16);
		return (size_t)(ip[0] & 15) * 4;
	}
	return 0;
}

bool segment_read(struct segment *seg, const uint8_t *packet, size_t len)
{
	size_t ip, header;
	const uint8_t *tcp;

	memset(seg, 0, sizeof(*seg));
	ip = ip_read(seg, packet, len);
	if (!ip || len < ip + TCP_HEADER)
		return false;
	tcp = packet + ip;
	header = (size_t)(tcp[12] >> 4) * 4;
	if (header < TCP_HEADER || len < ip + header)
		return false;
	seg->src.port = get16(tcp);
	seg->dst.port = get16(tcp + 2);
	seg->seq = get32(tcp + 4);
	seg->ack = get32(tcp + 8);
	seg->flags = tcp[13];
	seg->opts = raw_options(tcp + TCP_HEADER, header - TCP_HEADER);
	seg->data = tcp + header;
	seg->len = len - ip - header;
	return true;
}
