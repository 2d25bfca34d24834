/* SPDX-License-Identifier: Apache-2.0 */
/* What the node knows of its pod ports: the datapath's tables joined with the journal. */
#pragma once

#include <bw/datapath.h>
#include <bw/defs.h>

struct bw_err;
struct cli_args;

#define CLI_PORTS_MAX 65536

/* One pod port or uplink. Texts are owned, "" = unknown. */
struct cli_port {
	struct bw_dp_port dp; /* zero but names and MAC where no program is attached */
	uint8_t in_datapath;
	uint8_t in_journal;
	char bridge[16];
	char uplink[16];
	char ifname[16]; /* inside the pod */
	char state[16]; /* of the attachment */
	char *container;
	char *network;
	char *pod;
	struct bw_prefix *addrs;
	unsigned int n_addrs;
};

/* Sorted by bridge, uplinks first, then device. */
struct cli_ports {
	struct cli_port *v;
	unsigned int n;
};

#define cli_autoports BW_CLEANUP(cli_ports_done)

/**
 * cli_ports_read() - collect every port
 * @args: --dir names the journal's folder
 * @ret: zeroed on input; owned by the caller
 *
 * A node without journal, or without pins, has none of these. Return: 0; -errno.
 */
int cli_ports_read(const struct cli_args *args, struct cli_ports *ret, struct bw_err *err);
void cli_ports_done(struct cli_ports *p);

/* "fast" or "slow": which way frames of new flows of this port take. */
const char *cli_port_path(const struct cli_port *p);

/* Why it is slow, or what of a fast one is; "" = nothing to say. Static text. */
const char *cli_port_why(const struct cli_port *p);

/* The one port with this device, pod address or container; NULL = none. */
const struct cli_port *cli_ports_find(const struct cli_ports *p, const char *word);
