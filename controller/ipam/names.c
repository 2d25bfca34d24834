/* SPDX-License-Identifier: Apache-2.0 */
/* Names of NetworkAddresses, both ways; what was parsed is printed again and must be the same. */
#include <stdio.h>
#include <string.h>

#include "names.h"

const char *ctl_address_text(const struct bw_ip *ip, char out[CTL_ADDRESS_MAX])
{
	const uint8_t *b = ip->b;

	/* Both fit, ignoring. */
	if (ip->family == AF_INET)
		(void)snprintf(out, CTL_ADDRESS_MAX, "%u.%u.%u.%u", b[12], b[13], b[14], b[15]);
	else
		(void)snprintf(out, CTL_ADDRESS_MAX,
			       "%02x%02x:%02x%02x:%02x%02x:%02x%02x:%02x%02x:%02x%02x:%02x%02x:"
			       "%02x%02x",
			       b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10],
			       b[11], b[12], b[13], b[14], b[15]);
	return out;
}

static void replace(char *s, char from, char to)
{
	for (; *s; s++)
		if (*s == from)
			*s = to;
}

int ctl_address_name(const char *domain, const struct bw_ip *ip, char ret[CTL_NAME_MAX])
{
	size_t len = strlen(domain);
	char text[CTL_ADDRESS_MAX];

	if (len == 0 || len > CTL_DOMAIN_MAX)
		return -EINVAL;
	(void)ctl_address_text(ip, text);
	replace(text, '.', '-');
	replace(text, ':', '-');
	(void)snprintf(ret, CTL_NAME_MAX, "%s.%s", domain, text); /* fits, ignoring */
	return 0;
}

int ctl_address_name_parse(const char *name, char ret_domain[CTL_DOMAIN_MAX + 1],
			   struct bw_ip *ret_ip)
{
	const char *dot = strrchr(name, '.');
	char domain[CTL_DOMAIN_MAX + 1];
	char again[CTL_NAME_MAX];
	char text[CTL_ADDRESS_MAX];
	struct bw_ip ip;

	if (!dot || dot - name > CTL_DOMAIN_MAX || strlen(dot + 1) >= sizeof(text))
		return -EINVAL;
	memcpy(domain, name, (size_t)(dot - name));
	domain[dot - name] = '\0';
	memcpy(text, dot + 1, strlen(dot + 1) + 1);
	/* Eight groups of four and seven dashes, or it is IPv4. */
	replace(text, '-', strlen(text) == CTL_ADDRESS_MAX - 1 ? ':' : '.');
	if (bw_ip_parse(text, &ip) < 0 || ctl_address_name(domain, &ip, again) < 0 ||
	    strcmp(again, name) != 0)
		return -EINVAL;
	memcpy(ret_domain, domain, sizeof(domain));
	*ret_ip = ip;
	return 0;
}
