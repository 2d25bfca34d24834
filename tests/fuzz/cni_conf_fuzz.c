/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network configuration through the tables of bridge, SR-IOV and IPAM: strictly it is refused
 * with a text, leniently (DEL, GC) it is always taken.
 */
#include <assert.h>
#include <string.h>

#include <bw/cni_request.h>
#include <bw/err.h>
#include <bw/ipam.h>
#include <bw/log.h>

#include "../../cni/bridge/conf.h"
#include "../../cni/sriov/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void bridge(const struct bw_cni_request *req, int lenient)
{
	bridge_autoconf struct bridge_conf conf = { 0 };
	struct bw_err err = { 0 };
	int r;

	if (lenient) {
		r = bridge_conf_load_lenient(req, &conf, &err);
		assert(r == 0 && conf.bridge);
		return;
	}
	r = bridge_conf_load(req, &conf, &err);
	assert(r == 0 || (err.class == BW_ERR_INVALID && err.msg[0]));
}

static void sriov(const struct bw_cni_request *req, int lenient)
{
	sriov_autoconf struct sriov_conf conf = { 0 };
	struct bw_err err = { 0 };
	int r = lenient ? sriov_conf_load_lenient(req, &conf, &err)
			: sriov_conf_load(req, &conf, &err);

	assert(r == 0 || !lenient);
	assert(r == 0 || err.class == BW_ERR_INVALID || err.class == BW_ERR_UNSUPPORTED);
	assert(r == 0 || err.msg[0]);
	if (r < 0 || lenient)
		return;
	assert(conf.device.s[0] || conf.pfs.n || conf.selectors.n || conf.has_bond);
	assert(conf.vlan <= BW_CONF_VLAN_MAX && (conf.vlan || !conf.qos));
	assert(!conf.max_tx_rate || conf.min_tx_rate <= conf.max_tx_rate);
}

static void ipam(const struct bw_cni_request *req, int lenient)
{
	struct bw_ipam_conf *conf = NULL;
	struct bw_err err = { 0 };
	int r = bw_ipam_conf_parse(req, lenient, &conf, &err);

	assert(r == 0 || !lenient);
	assert(r == 0 || err.class == BW_ERR_INVALID || err.class == BW_ERR_UNSUPPORTED);
	if (r == 0)
		assert(bw_ipam_conf_domain(conf));
	bw_ipam_conf_free(&conf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum bw_cni_verb verbs[] = { BW_CNI_ADD, BW_CNI_DEL };
	struct bw_cni_env env = { .container_id = "c", .ifname = "eth0", .netns = "/x" };

	bw_log_setup(BW_LOG_ERROR, STDERR_FILENO, NULL, NULL, NULL);
	for (size_t i = 0; i < BW_ARRAY_SIZE(verbs); i++) {
		bw_autorequest struct bw_cni_request *req = NULL;
		int lenient = verbs[i] == BW_CNI_DEL;

		if (bw_cni_request_new(&env, verbs[i], size ? (const char *)data : "", size, NULL,
				       &req, NULL) < 0)
			continue;
		bridge(req, lenient);
		sriov(req, lenient);
		ipam(req, lenient);
	}
	return 0;
}
