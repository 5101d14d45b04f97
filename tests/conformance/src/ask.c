/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "ask.h"

#include "cli.h"
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define UNTOUCHED 0xa5

struct expected expect_client(uint8_t kind, const struct endpoint *client)
{
	return (struct expected){ .verdict = CLIENT, .kind = kind, .client = *client };
}

struct expected expect_no(enum verdict verdict)
{
	return (struct expected){ .verdict = verdict };
}

struct expected expect_foreign(uint8_t kind, uint8_t len)
{
	return (struct expected){ .verdict = FOREIGN, .kind = kind, .len = len };
}

struct expected expect_implausible(uint8_t kind, const struct endpoint *client)
{
	return cli.plausible ? expect_no(IMPLAUSIBLE) : expect_client(kind, client);
}

struct expected expect_from_stranger(struct expected from_trusted)
{
	/* What is no claim, nobody needs to be trusted for. */
	if (!cli.trust || from_trusted.verdict == NO_OPTION || from_trusted.verdict == FOREIGN)
		return from_trusted;
	return expect_no(UNTRUSTED);
}

const char *expected_show(const struct expected *expected)
{
	static const char *const refused[] = {
		[NO_OPTION] = "no address (no option)",
		[FOREIGN] = "no address (foreign)",
		[INVALID] = "no address (invalid)",
		[UNTRUSTED] = "no address (untrusted)",
		[IMPLAUSIBLE] = "no address (implausible)",
	};

	return expected->verdict == CLIENT ? endpoint_show(&expected->client) :
					     refused[expected->verdict];
}

int ask(int fd, int name, void *buffer, socklen_t *len)
{
	return getsockopt(fd, IPPROTO_IP, name, buffer, len) ? errno : 0;
}

bool shows_client(int family, const struct expected *expected)
{
	return expected->verdict == CLIENT && cli.peername &&
	       (family == AF_INET6 || address_is_v4(&expected->client.addr));
}

static bool untouched(const void *buffer, size_t len)
{
	const uint8_t *bytes = buffer;

	while (len--) {
		if (*bytes++ != UNTOUCHED)
			return false;
	}
	return true;
}

/* Third-party modules have error numbers of their own. */
static bool allowed_error(int err)
{
	switch (cli.source) {
	case SOURCE_MODULE:
		return err == EINVAL;
	case SOURCE_EBPF:
	case SOURCE_ANY:
		return err == EINVAL || err == ENOPROTOOPT;
	default:
		return true;
	}
}

void check_no_lookup(int fd, const char *what)
{
	struct toa_nat64_peer answer;
	socklen_t len = sizeof(answer);
	int err;

	case_checked();
	memset(&answer, UNTOUCHED, sizeof(answer));
	err = ask(fd, TOA_SO_GET_LOOKUP, &answer, &len);
	if (!err) {
		struct endpoint got = { .port = ntohs(answer.sport) };

		memcpy(&got.addr, answer.saddr, sizeof(got.addr));
		case_fail("4096 on %s: got 0 and %s, expected an error", what,
			  endpoint_show(&got));
	} else if (!allowed_error(err)) {
		case_fail("4096 on %s: got error %d (%s), expected EINVAL%s", what, err,
			  strerror(err), cli.source == SOURCE_MODULE ? "" : " or ENOPROTOOPT");
	} else if (!untouched(&answer, sizeof(answer)) || len != sizeof(answer)) {
		case_fail("4096 on %s: an error, but buffer or optlen was touched", what);
	}
}

void check_lookup(int fd, const struct expected *expected)
{
	struct toa_nat64_peer answer;
	socklen_t len = sizeof(answer);
	struct endpoint got = { 0 };
	int err;

	if (expected->verdict != CLIENT) {
		check_no_lookup(fd, "a connection without address");
		return;
	}
	case_checked();
	memset(&answer, UNTOUCHED, sizeof(answer));
	err = ask(fd, TOA_SO_GET_LOOKUP, &answer, &len);
	if (err) {
		case_fail("4096: got error %d (%s), expected %s", err, strerror(err),
			  endpoint_show(&expected->client));
		return;
	}
	memcpy(&got.addr, answer.saddr, sizeof(got.addr));
	got.port = ntohs(answer.sport);
	if (!endpoint_equal(&got, &expected->client))
		case_fail("4096: got %s, expected %s", endpoint_show(&got),
			  endpoint_show(&expected->client));
	if (answer.zero[0] || answer.zero[1])
		case_fail("4096: got padding %02x%02x, expected zeros", answer.zero[0],
			  answer.zero[1]);
	if (len != sizeof(answer))
		case_fail("4096: got optlen %u, expected %zu", len, sizeof(answer));
}

static bool has_virtual(const struct expected *expected)
{
	static const struct endpoint none;

	return expected->verdict == CLIENT && !endpoint_equal(&expected->virtual, &none);
}

static uint32_t expected_flags(int family, const struct expected *expected)
{
	uint32_t flags = TOA_INFO_TRUST_ENFORCED;

	if (expected->verdict == CLIENT)
		flags |= TOA_INFO_HAS_ADDR;
	if (shows_client(family, expected))
		flags |= TOA_INFO_PEERNAME;
	if (expected->verdict == UNTRUSTED)
		flags |= TOA_INFO_UNTRUSTED;
	if (expected->verdict == INVALID)
		flags |= TOA_INFO_INVALID;
	if (expected->verdict == IMPLAUSIBLE)
		flags |= TOA_INFO_IMPLAUSIBLE;
	if (expected->verdict == FOREIGN)
		flags |= TOA_INFO_FOREIGN;
	if (has_virtual(expected))
		flags |= TOA_INFO_HAS_VIRTUAL;
	return flags;
}

static bool get_info(int fd, const char *what, struct toa_info *info)
{
	socklen_t len = sizeof(*info);
	int err;

	case_checked();
	memset(info, UNTOUCHED, sizeof(*info));
	err = ask(fd, TOA_SO_GET_INFO, info, &len);
	if (err) {
		case_fail("4097 on %s: got error %d (%s), expected an answer", what, err,
			  strerror(err));
		return false;
	}
	if (len != sizeof(*info))
		case_fail("4097 on %s: got optlen %u, expected %zu", what, len, sizeof(*info));
	if (info->version != TOA_INFO_VERSION)
		case_fail("4097 on %s: got version %u, expected %d", what, info->version,
			  TOA_INFO_VERSION);
	if ((cli.source == SOURCE_EBPF && info->source != TOA_SOURCE_EBPF) ||
	    (cli.source == SOURCE_MODULE && info->source != TOA_SOURCE_MODULE) ||
	    (info->source != TOA_SOURCE_EBPF && info->source != TOA_SOURCE_MODULE))
		case_fail("4097 on %s: got source %u", what, info->source);
	if (info->reserved)
		case_fail("4097 on %s: got reserved %#x, expected 0", what, info->reserved);
	if (info->zero)
		case_fail("4097 on %s: got padding %02x, expected zero", what, info->zero);
	return true;
}

static void check_endpoint(const char *field, const uint8_t *addr, uint16_t port,
			   const struct endpoint *expected)
{
	struct endpoint got = { .port = ntohs(port) };

	memcpy(&got.addr, addr, sizeof(got.addr));
	if (!endpoint_equal(&got, expected))
		case_fail("4097: got %s %s, expected %s", field, endpoint_show(&got),
			  endpoint_show(expected));
}

static void check_info(int fd, int family, const struct endpoint *peer,
		       const struct expected *expected)
{
	uint32_t flags = expected_flags(family, expected);
	struct toa_info info;

	if (!cli_has_info() || !get_info(fd, "a connection", &info))
		return;
	if (info.flags != flags)
		case_fail("4097: got flags %#x, expected %#x for %s", info.flags, flags,
			  expected_show(expected));
	if (info.kind != expected->kind)
		case_fail("4097: got kind %u, expected %u", info.kind, expected->kind);
	if (expected->len ? info.len != expected->len : !info.len != !info.kind)
		case_fail("4097: got length %u of kind %u, expected %u", info.len, info.kind,
			  expected->len);
	check_endpoint("client", info.client, info.client_port, &expected->client);
	check_endpoint("virtual address", info.virtual_addr, info.virtual_port,
		       &expected->virtual);
	check_endpoint("peer", info.peer, info.peer_port, peer);
}

void check_idle_info(int fd, const char *what)
{
	static const struct endpoint nobody;
	struct toa_info info;

	if (!cli_has_info() || !get_info(fd, what, &info))
		return;
	if (info.flags != TOA_INFO_TRUST_ENFORCED)
		case_fail("4097 on %s: got flags %#x, expected %#x", what, info.flags,
			  TOA_INFO_TRUST_ENFORCED);
	if (info.kind)
		case_fail("4097 on %s: got kind %u, expected 0", what, info.kind);
	check_endpoint("client", info.client, info.client_port, &nobody);
	check_endpoint("virtual address", info.virtual_addr, info.virtual_port, &nobody);
	check_endpoint("peer", info.peer, info.peer_port, &nobody);
}

void check_name(const char *call, const struct sockaddr_storage *name, socklen_t len,
		int family, const struct endpoint *peer, const struct expected *expected)
{
	const struct endpoint *wanted = shows_client(family, expected) ? &expected->client : peer;
	struct endpoint got;

	case_checked();
	if (!endpoint_from_name(&got, name, len) || name->ss_family != family)
		case_fail("%s: got family %u and length %u on a socket of family %d", call,
			  name->ss_family, len, family);
	else if (!endpoint_equal(&got, wanted))
		case_fail("%s: got %s, expected %s", call, endpoint_show(&got),
			  endpoint_show(wanted));
}

void check_answers(int fd, int family, const struct endpoint *peer,
		   const struct expected *expected)
{
	struct sockaddr_storage name;
	socklen_t len = sizeof(name);

	check_lookup(fd, expected);
	check_info(fd, family, peer, expected);
	if (getpeername(fd, (struct sockaddr *)&name, &len) < 0)
		case_fail("getpeername: %s", strerror(errno));
	else
		check_name("getpeername", &name, len, family, peer, expected);
}
