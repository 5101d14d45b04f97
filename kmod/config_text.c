// SPDX-License-Identifier: GPL-2.0-only
/* The parameters' text forms: error messages and what is read back. */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/printk.h>

#include "addr.h"
#include "config_text.h"

/* Logs an error, and says whether there was one. */
static int refuse(enum toa_text_error error, const struct toa_text *wrong,
		  const char *empty)
{
	int len = min_t(unsigned int, wrong->len, 64);
	const char *at = wrong->at;

	switch (error) {
	case TOA_TEXT_OK:
		return 0;
	case TOA_TEXT_NOT_A_NETWORK:
		pr_err("trusted: \"%.*s\" is not a network: write CIDRs such as 10.0.0.0/8,fd00::/8, or private, link-local, loopback, any or none\n",
		       len, at);
		break;
	case TOA_TEXT_HOST_BITS:
		pr_err("trusted: %.*s has bits set behind its prefix\n", len, at);
		break;
	case TOA_TEXT_NOT_ALONE:
		pr_err("trusted: \"%.*s\" stands for a whole set: give it alone\n", len, at);
		break;
	case TOA_TEXT_TOO_MANY:
		pr_err("trusted: too many networks: up to %d are possible, as long as their list fits into one page\n",
		       TOA_NETS_MAX);
		break;
	case TOA_TEXT_NOT_A_FORMAT:
		pr_err("formats: \"%.*s\" is not a format: write toa, vtoa, cip or ttgw, or toa@KIND with a TCP option kind from 0 to 255, such as toa@200\n",
		       len, at);
		break;
	case TOA_TEXT_ASSIGNED_KIND:
		pr_err("formats: the kind of %.*s has a standard meaning in TCP: use the kind your balancer sends, such as toa@254\n",
		       len, at);
		break;
	case TOA_TEXT_AMBIGUOUS:
		pr_err("formats: %.*s and one before it read the same kind and length, each in its own way: give the one that your balancer sends\n",
		       len, at);
		break;
	case TOA_TEXT_EMPTY:
		pr_err("%s\n", empty);
		break;
	}
	return -EINVAL;
}

static int net_to_text(const struct toa_net_prefix *net, char *text, size_t size)
{
	if (toa_addr_is_mapped(net->addr) && net->bits >= 96)
		return snprintf(text, size, "%pI4/%u", net->addr + 12, net->bits - 96);
	return snprintf(text, size, "%pI6c/%u", net->addr, net->bits);
}

/* Leaves room for a comma behind each, the newline and the closing zero. */
static bool fits_into_page(const struct toa_trusted *trusted)
{
	unsigned int i, len = 1;

	for (i = 0; i < trusted->count; i++)
		len += net_to_text(&trusted->nets[i], NULL, 0) + 1;
	return len < PAGE_SIZE;
}

int toa_text_to_trusted(const char *text, struct toa_config *config)
{
	struct toa_text wrong;
	enum toa_text_error error;

	error = toa_trusted_parse(toa_text_of(text), &config->trusted, &wrong);
	if (!error && !fits_into_page(&config->trusted))
		error = TOA_TEXT_TOO_MANY;
	return refuse(error, &wrong,
		      "trusted: no network given: write CIDRs, private, any or none");
}

int toa_text_to_formats(const char *text, struct toa_config *config)
{
	struct toa_text wrong;
	enum toa_text_error error;

	error = toa_formats_parse(toa_text_of(text), &config->formats, &wrong);
	return refuse(error, &wrong, "formats: none given: give at least one, such as toa");
}

int toa_trusted_to_text(const struct toa_config *config, char *page)
{
	const struct toa_trusted *trusted = &config->trusted;
	unsigned int i;
	int len = 0;

	if (trusted->any || !trusted->count)
		return scnprintf(page, PAGE_SIZE, trusted->any ? "any" : "none");
	for (i = 0; i < trusted->count; i++) {
		if (i)
			page[len++] = ',';
		len += net_to_text(&trusted->nets[i], page + len, PAGE_SIZE - len);
	}
	return len;
}

int toa_formats_config_to_text(const struct toa_config *config, char *page)
{
	BUILD_BUG_ON(TOA_FORMATS_TEXT_MAX > PAGE_SIZE);
	return toa_formats_to_text(&config->formats, page);
}
