/* SPDX-License-Identifier: Apache-2.0 */
/* The record of a VF's hold and the alias of its device: what is read is what is written again. */
#include <assert.h>
#include <string.h>

#include <bw/attach.h>
#include <bw/err.h>

#include "../../cni/sriov/alias.h"
#include "../../cni/sriov/original.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void record(const char *text)
{
	bw_autofree struct sriov_original *o = calloc(1, sizeof(*o));
	bw_autofree struct sriov_original *again = calloc(1, sizeof(*again));
	static char written[BW_VF_RECORD_MAX + 1], twice[BW_VF_RECORD_MAX + 1];
	struct bw_err err = { 0 };

	if (!o || !again || sriov_original_parse(text, o, &err) < 0)
		return;
	assert(o->was.altnames.n <= BW_LINK_ALTNAMES_MAX && !(o->what & ~BW_VF_ALL));
	if (sriov_original_text(o, written, &err) == -E2BIG)
		return;
	assert(sriov_original_parse(written, again, &err) == 0);
	assert(sriov_original_text(again, twice, &err) == 0);
	assert(strcmp(written, twice) == 0);
}

static void alias(const char *text)
{
	struct sriov_alias a;
	int ours = sriov_alias_parse(text, &a);

	assert(ours || !sriov_alias_is(text, "c", "eth0"));
	assert(!ours || (a.host_name[0] && a.ifname[0] && strlen(a.hash) == BW_ATTACH_HASH_LEN));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bw_autofree char *text = strndup((const char *)data, size);

	if (!text)
		return 0;
	record(text);
	alias(text);
	return 0;
}
