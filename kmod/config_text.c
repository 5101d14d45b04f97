// SPDX-License-Identifier: GPL-2.0-only
/*
 * Text to parameters and back, by the rules of toa-core.
 */
#include <linux/ctype.h>
#include <linux/inet.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/string.h>

#include "config_text.h"

#define PRIVATE_NETS \
	"10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10," \
	"169.254.0.0/16,127.0.0.0/8,fc00::/7,fe80::/10,::1"

/* The longest item: an IPv6 address with an IPv4 tail and a prefix length. */
#define ITEM_MAX	sizeof("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/128")

/* IANA, "TCP Option Kind Numbers": these mean something else to TCP. */
static const u8 assigned_kinds[] = { 0, 1, 2, 3, 4, 5, 8, 19, 28, 29, 30, 34, 69 };

/* The next item of a list separated by commas or space: -ENOENT at its end, -E2BIG. */
static int next_item(const char **text, char item[ITEM_MAX])
{
	const char *s = *text;
	size_t len;

	while (*s == ',' || isspace(*s))
		s++;
	if (!*s)
		return -ENOENT;
	for (len = 0; s[len] && s[len] != ',' && !isspace(s[len]); len++)
		;
	*text = s + len;
	if (len >= ITEM_MAX)
		return -E2BIG;
	memcpy(item, s, len);
	item[len] = '\0';
	return 0;
}

static bool text_is(const char *text, const char *word)
{
	char item[ITEM_MAX];

	return !next_item(&text, item) && !strcmp(item, word) &&
	       next_item(&text, item) == -ENOENT;
}

static bool host_bits_set(const u8 addr[16], unsigned int bits)
{
	unsigned int bit;

	for (bit = bits; bit < 128; bit++)
		if (addr[bit / 8] & (0x80 >> (bit % 8)))
			return true;
	return false;
}

static int item_to_net(char *item, struct toa_net_prefix *net)
{
	char *slash = strchr(item, '/');
	unsigned int most = 128, bits;
	u8 ip[4];

	if (slash)
		*slash++ = '\0';
	if (in4_pton(item, -1, ip, -1, NULL)) {
		toa_addr_map(net->addr, ip);
		most = 32;
	} else if (!in6_pton(item, -1, net->addr, -1, NULL)) {
		goto nonsense;
	}
	bits = most;
	if (slash && (!isdigit(*slash) || kstrtouint(slash, 10, &bits)))
		goto nonsense;
	if (bits > most)
		goto nonsense;
	net->bits = bits + 128 - most;
	if (!host_bits_set(net->addr, net->bits))
		return 0;
	pr_err("trusted: %s/%u has bits set behind its prefix\n", item, bits);
	return -EINVAL;

nonsense:
	pr_err("trusted: \"%s%s%s\" is not a network: write CIDRs such as 10.0.0.0/8,fd00::/8, or private, or any\n",
	       item, slash ? "/" : "", slash ? slash : "");
	return -EINVAL;
}

static int text_to_nets(const char *text, struct toa_config *config)
{
	char item[ITEM_MAX];
	int err;

	while (!(err = next_item(&text, item))) {
		if (!strcmp(item, "private") || !strcmp(item, "any")) {
			pr_err("trusted: \"%s\" stands for a whole set: give it alone\n",
			       item);
			return -EINVAL;
		}
		if (config->nets_count == TOA_NETS_MAX) {
			pr_err("trusted: more than %d networks\n", TOA_NETS_MAX);
			return -EINVAL;
		}
		err = item_to_net(item, &config->nets[config->nets_count]);
		if (err)
			return err;
		config->nets_count++;
	}
	if (err == -ENOENT && config->nets_count)
		return 0;
	if (err == -ENOENT)
		pr_err("trusted: no network given: write CIDRs, private, or any\n");
	else
		pr_err("trusted: an item is too long for a network\n");
	return -EINVAL;
}

int toa_text_to_trusted(const char *text, struct toa_config *config)
{
	config->nets_count = 0;
	config->trust_any = text_is(text, "any");
	if (config->trust_any)
		return 0;
	if (text_is(text, "private"))
		text = PRIVATE_NETS;
	return text_to_nets(text, config);
}

int toa_text_to_kinds(const char *text, struct toa_config *config)
{
	char item[ITEM_MAX];
	bool some = false;
	u8 kind;
	int err;

	memset(&config->kinds, 0, sizeof(config->kinds));
	while (!(err = next_item(&text, item))) {
		if (!isdigit(*item) || kstrtou8(item, 10, &kind)) {
			pr_err("kinds: \"%s\" is not a TCP option kind: give numbers such as 254,253,200\n",
			       item);
			return -EINVAL;
		}
		if (memchr(assigned_kinds, kind, sizeof(assigned_kinds))) {
			pr_err("kinds: %u has a standard meaning in TCP: give the kind your balancer sends, such as 254, 253 or 200\n",
			       kind);
			return -EINVAL;
		}
		toa_kinds_add(&config->kinds, kind);
		some = true;
	}
	if (err == -ENOENT && some)
		return 0;
	if (err == -ENOENT)
		pr_err("kinds: none given: give at least one, such as 254\n");
	else
		pr_err("kinds: an item is too long for a TCP option kind\n");
	return -EINVAL;
}

int toa_trusted_to_text(const struct toa_config *config, char *page)
{
	unsigned int i;
	int len = 0;

	if (config->trust_any)
		return scnprintf(page, PAGE_SIZE, "any\n");
	for (i = 0; i < config->nets_count; i++) {
		const struct toa_net_prefix *net = &config->nets[i];
		const char *end = i + 1 < config->nets_count ? "," : "\n";

		if (toa_addr_is_mapped(net->addr) && net->bits >= 96)
			len += scnprintf(page + len, PAGE_SIZE - len, "%pI4/%u%s",
					 net->addr + 12, net->bits - 96, end);
		else
			len += scnprintf(page + len, PAGE_SIZE - len, "%pI6c/%u%s",
					 net->addr, net->bits, end);
	}
	return len;
}

int toa_kinds_to_text(const struct toa_config *config, char *page)
{
	int len = 0, kind;

	for (kind = 255; kind > 0; kind--)
		if (toa_kinds_has(&config->kinds, kind))
			len += scnprintf(page + len, PAGE_SIZE - len, "%s%d",
					 len ? "," : "", kind);
	return len + scnprintf(page + len, PAGE_SIZE - len, "\n");
}
