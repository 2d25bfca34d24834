/* SPDX-License-Identifier: Apache-2.0 */
/* What every verb of the SR-IOV plugin starts from: configuration, journal, host socket, names. */
#pragma once

#include <bw/cni_request.h>
#include <bw/ipam.h>
#include <bw/journal.h>

#include "conf.h"

struct bw_err;
struct bw_journal;
struct bw_nl;

#define SRIOV_PROGRAM "barewire-sriov"

struct sriov_ctx {
	const struct bw_cni_request *req; /* borrowed */
	struct sriov_conf conf;
	struct bw_ipam_conf *ipam_conf;
	struct bw_ipam *ipam; /* NULL until sriov_ctx_journal() */
	struct bw_nl *host; /* NULL until sriov_ctx_host() */
	struct bw_attachment att; /* of this request; DEL: as the journal has it */
};

#define sriov_autoctx BW_CLEANUP(sriov_ctx_free)

/**
 * sriov_ctx_new() - read the configuration of a request
 * @req: borrowed for the context's life
 * @lenient: for DEL and GC: bad keys keep their defaults
 * @ret: owned by the caller
 *
 * Fills att with what the request alone says. Nothing is opened.
 * Return: 0; -EINVAL class INVALID; -EOPNOTSUPP class UNSUPPORTED; -ENOMEM.
 */
int sriov_ctx_new(const struct bw_cni_request *req, int lenient, struct sriov_ctx **ret,
		  struct bw_err *err);
void sriov_ctx_free(struct sriov_ctx **ctx);

/* Opens the journals unless they are open. 0; -errno of bw_ipam_open(). */
int sriov_ctx_journal(struct sriov_ctx *ctx, struct bw_err *err);

/* Opens the route socket of the host's namespace unless it is open. 0; -errno. */
int sriov_ctx_host(struct sriov_ctx *ctx, struct bw_err *err);

/*
 * The node's journal, which has the VF holds; opened when it is not. @ret: borrowed, NULL where
 * there is none and the verb makes none. 0; -errno of bw_ipam_open().
 */
int sriov_ctx_holds(struct sriov_ctx *ctx, struct bw_journal **ret, struct bw_err *err);
