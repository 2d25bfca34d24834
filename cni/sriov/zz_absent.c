/* SPDX-License-Identifier: Apache-2.0 */
/* What has no file of its own yet, so that the program links: each goes when that comes. */
#include <bw/err.h>

#include "add.h"
#include "verbs.h"

#define LATER __attribute__((weak))

LATER int sriov_check(const struct bw_cni_request *req, struct bw_cni_result *result,
		      struct bw_err *err)
{
	(void)req;
	(void)result;
	return bw_reject(err, BW_ERR_UNSUPPORTED, EOPNOTSUPP, "CHECK: not there yet");
}

LATER int sriov_gc(const struct bw_cni_request *req, struct bw_cni_result *result,
		   struct bw_err *err)
{
	(void)req;
	(void)result;
	return bw_reject(err, BW_ERR_UNSUPPORTED, EOPNOTSUPP, "GC: not there yet");
}

LATER int sriov_status(const struct bw_cni_request *req, struct bw_cni_result *result,
		       struct bw_err *err)
{
	(void)req;
	(void)result;
	return bw_reject(err, BW_ERR_UNSUPPORTED, EOPNOTSUPP, "STATUS: not there yet");
}

LATER int sriov_bond_make(struct sriov_add *add, struct bw_err *err)
{
	(void)add;
	return bw_reject(err, BW_ERR_UNSUPPORTED, EOPNOTSUPP, "bond: not there yet");
}

LATER int sriov_bond_remove(struct bw_nl *pod, const char *ifname, struct bw_err *err)
{
	(void)pod;
	(void)ifname;
	(void)err;
	return 0;
}

LATER int sriov_rdma_move(struct sriov_add *add, struct sriov_vf *vf, struct bw_err *err)
{
	(void)add;
	(void)vf;
	(void)err;
	return 0;
}

LATER int sriov_rdma_return(const struct bw_netns *pod, const char *pci, struct bw_err *err)
{
	(void)pod;
	(void)pci;
	(void)err;
	return 0;
}
