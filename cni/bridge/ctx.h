/* SPDX-License-Identifier: Apache-2.0 */
/* What every verb of the bridge plugin starts from: configuration, journal, host socket, names. */
#pragma once

#include <bw/cni_request.h>
#include <bw/ipam.h>
#include <bw/journal.h>

#include "conf.h"

struct bw_err;
struct bw_nl;

#define BRIDGE_PROGRAM "barewire-bridge"

struct bridge_ctx {
	const struct bw_cni_request *req; /* borrowed */
	struct bridge_conf conf;
	struct bw_ipam_conf *ipam_conf;
	struct bw_ipam *ipam; /* NULL until bridge_ctx_journal() */
	struct bw_nl *host; /* NULL until bridge_ctx_host() */
	struct bw_attachment att; /* of this request; DEL: as the journal has it */
};

#define bridge_autoctx BW_CLEANUP(bridge_ctx_free)

/**
 * bridge_ctx_new() - read the configuration of a request
 * @req: borrowed for the context's life
 * @lenient: for DEL and GC: bad keys keep their defaults
 * @ret: owned by the caller
 *
 * Fills att with what the request alone says. Nothing is opened.
 * Return: 0; -EINVAL class INVALID; -EOPNOTSUPP class UNSUPPORTED; -ENOMEM.
 */
int bridge_ctx_new(const struct bw_cni_request *req, int lenient, struct bridge_ctx **ret,
		   struct bw_err *err);
void bridge_ctx_free(struct bridge_ctx **ctx);

/* Opens the journal unless it is open. 0; -errno of bw_ipam_open(). */
int bridge_ctx_journal(struct bridge_ctx *ctx, struct bw_err *err);

/* Opens the route socket of the host's namespace unless it is open. 0; -errno. */
int bridge_ctx_host(struct bridge_ctx *ctx, struct bw_err *err);
