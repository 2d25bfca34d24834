/* SPDX-License-Identifier: Apache-2.0 */
/* Silencing one attachment on this node, both ways, and letting it speak again. */
#pragma once

struct bw_attachment;
struct bw_err;
struct bw_journal;
struct bw_nl;

/**
 * agent_cut() - drop all traffic of an attachment, or stop doing so
 * @nl: route socket of the node's namespace
 * @j: journal; the row's flag is set after the traffic stops, cleared before it may flow
 * @a: row; .flags is brought up to date
 * @on: 1 cuts, 0 mends
 *
 * With programs the datapath drops; without, the host's end goes down; a VF's link is disabled by
 * its PF, and where its driver cannot, as with a macvlan, filters in the pod drop everything. Doing
 * it twice changes nothing. Return: 0; -ENODEV there is nothing of it left to cut; -errno.
 */
int agent_cut(struct bw_nl *nl, struct bw_journal *j, struct bw_attachment *a, int on,
	      struct bw_err *err);
