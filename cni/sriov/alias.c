/* SPDX-License-Identifier: Apache-2.0 */
/* The alias of a VF in a pod as a value. Pure. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "alias.h"

#define PREFIX "barewire:"

void sriov_alias_make(const char *host_name, const char *container_id, const char *ifname,
		      char out[BW_LINK_ALIAS_MAX + 1])
{
	char hash[BW_ATTACH_HASH_LEN + 1];

	bw_attach_hash(container_id, ifname, hash);
	/* Two names of devices and a hash always fit, ignoring. */
	(void)snprintf(out, BW_LINK_ALIAS_MAX + 1, PREFIX "%.15s:%s:%.15s", host_name, hash,
		       ifname);
}

/* Copies up to the next ':' or the end; 1 when it fits and is not empty. */
static int take(const char **text, char *out, size_t size, int is_last)
{
	size_t len = is_last ? strlen(*text) : strcspn(*text, ":");

	if (!len || len >= size || (!is_last && (*text)[len] != ':'))
		return 0;
	memcpy(out, *text, len);
	out[len] = '\0';
	*text += len + (is_last ? 0 : 1);
	return 1;
}

static int is_hash(const char *s)
{
	if (strlen(s) != BW_ATTACH_HASH_LEN)
		return 0;
	for (; *s; s++)
		if (!isxdigit((unsigned char)*s) || isupper((unsigned char)*s))
			return 0;
	return 1;
}

int sriov_alias_parse(const char *text, struct sriov_alias *ret)
{
	struct sriov_alias a = { 0 };

	if (strncmp(text, PREFIX, strlen(PREFIX)) != 0)
		return 0;
	text += strlen(PREFIX);
	/* A device's name has no ':' where it is of ours: the last part takes the rest. */
	if (!take(&text, a.host_name, sizeof(a.host_name), 0) ||
	    !take(&text, a.hash, sizeof(a.hash), 0) ||
	    !take(&text, a.ifname, sizeof(a.ifname), 1) || !is_hash(a.hash))
		return 0;
	*ret = a;
	return 1;
}

int sriov_alias_is(const char *text, const char *container_id, const char *ifname)
{
	char hash[BW_ATTACH_HASH_LEN + 1];
	struct sriov_alias a;

	if (!sriov_alias_parse(text, &a))
		return 0;
	bw_attach_hash(container_id, ifname, hash);
	return strcmp(a.hash, hash) == 0 && strcmp(a.ifname, ifname) == 0;
}
