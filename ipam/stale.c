/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the container behind a row has ceased to exist. In doubt it lives. */
#include <string.h>

#include <bw/err.h>
#include <bw/log.h>
#include <bw/netns.h>

#include "conf.h"

int bw_ipam_stale(const struct bw_attachment *a, const char *boot_id)
{
	struct bw_err err = { 0 };
	int r;

	if (a->boot_id[0] && boot_id[0] && strcmp(a->boot_id, boot_id) != 0)
		return 1;
	if (!a->netns[0])
		return 0;
	r = bw_netns_alive(a->netns, a->netns_id, &err);
	if (r < 0)
		bw_log_debug("cannot tell whether a namespace exists", "netns", a->netns, "err",
			     err.msg);
	return r == 0;
}
