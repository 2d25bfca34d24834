/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers about VFs, other names and RDMA devices: whatever comes, every parser stays within its
 * message, and a VF that was read can be set again when its values are in bounds.
 */
#include <assert.h>
#include <string.h>

#include <bw/err.h>
#include <bw/link.h>
#include <bw/nl.h>
#include <bw/rdma.h>
#include <bw/vf.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct bw_nl_batch batch;

static int on_vf(const struct bw_vf *vf, void *arg, struct bw_err *err)
{
	uint32_t *n = arg;

	(void)err;
	++*n;
	assert(vf->has & BW_VF_HAS_MAC);
	assert((vf->has & ~BW_VF_ALL) == 0);
	assert((unsigned int)vf->link_state < BW_VF_LINK_MAX_);
	assert(vf->spoofchk <= 1 && vf->trust <= 1 && vf->rss_query <= 1);
	assert(bw_vf_diff(vf, vf, BW_VF_ALL) == 0);
	bw_nl_batch_init(&batch);
	bw_vf_put_set(&batch, 1, vf, vf->has);
	assert(batch.n == 1 && !batch.overflow);
	if (bw_vf_check(vf, vf->has, NULL) == 0)
		assert(vf->vlan <= BW_VF_VLAN_MAX && vf->qos <= BW_VF_QOS_MAX);
	return 0;
}

static void each_parser(const struct nlmsghdr *nlh)
{
	struct bw_link_altnames names;
	struct bw_err err = { 0 };
	struct bw_rdma_dev dev;
	struct bw_link link;
	uint32_t num = 0;
	uint32_t n = 0;
	int exclusive;

	if (bw_vf_parse(nlh, &num, on_vf, &n, &err) == 0)
		assert(n <= num);
	if (bw_link_parse_altnames(nlh, &names) == 0)
		for (unsigned int i = 0; i < names.n; i++)
			assert(strlen(names.names[i]) <= BW_LINK_ALTNAME_MAX);
	if (bw_link_parse(nlh, &link) == 0)
		assert(strlen(link.parent) <= BW_LINK_PARENT_MAX);
	if (bw_rdma_parse(nlh, &dev) == 0)
		assert(dev.name[0] && strlen(dev.name) <= BW_RDMA_NAME_MAX);
	if (bw_rdma_parse_mode(nlh, &exclusive) == 0)
		assert(exclusive == 0 || exclusive == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy that is aligned and ends with the input. */
	unsigned char *copy = malloc(size + 1);
	const unsigned char *p = copy;
	const struct nlmsghdr *nlh;

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	while ((nlh = bw_nl_next(&p, &size)))
		each_parser(nlh);
	free(copy);
	return 0;
}
