/* SPDX-License-Identifier: Apache-2.0 */
/* When the segment can be asked for an address, and told who has it: as soon as the port works. */
#include <bw/err.h>
#include <bw/log.h>

#include "add.h"

int bridge_probe_run(struct bridge_add *add, struct bw_err *err)
{
	int r;

	r = bw_pod_up(&add->pod, err);
	/* Answers come to the pod's MAC: a port that neither learns nor floods must know it. */
	if (r == 0)
		r = bridge_port_pin(add, err);
	if (r == 0)
		r = bridge_port_settle(add, err);
	if (r == 0)
		r = bw_pod_probe(&add->pod, &add->own, add->ctx->conf.probe, add->ctx->conf.bridge,
				 err);
	return r;
}

void bridge_announce_run(struct bridge_add *add)
{
	struct bw_err why = { 0 };
	int r;

	if (add->ctx->conf.no_container_if)
		return;
	r = bridge_port_settle(add, &why);
	if (r == 0)
		r = bw_pod_local_wait(&add->pod, &add->own, &why);
	if (r == 0 && add->ctx->conf.announce)
		r = bw_pod_announce(&add->pod, &add->own, &why);
	if (r < 0)
		bw_log_warn("the addresses were not announced", "error", why.msg);
}
