/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal against the kernel's devices: every live attachment has its interface on its bridge,
 * and every interface of ours on a bridge of the cluster's pools is an attachment's.
 *
 * I1 What the snapshot of the devices says is asked of the kernel again before it counts: rows and
 *    snapshot are of different moments.
 */
#pragma once

#include <bw/defs.h>

struct agent;
struct agent_differences;
struct bw_attachment;

/* One comparison; on the stack of a look. */
struct agent_ports {
	struct agent *a;
	struct agent_differences *to;
	uint8_t *known; /* by device of the snapshot; owned; NULL = out of memory: strangers are not
			   looked for */
};

void agent_ports_begin(struct agent_ports *p, struct agent *a, struct agent_differences *to);
/* Each row of the journal, once. */
void agent_ports_row(struct agent_ports *p, const struct bw_attachment *att);
/* After the last row: what no row has. Frees what begin took. */
void agent_ports_end(struct agent_ports *p);
