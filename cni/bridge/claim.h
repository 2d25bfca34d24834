/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks with "claims": true: who the pod is, which claim is its, and the configuration that the
 * claim's binding amounts to. The verbs then run as if that had come on standard input.
 */
#pragma once

#include <bw/binding.h>
#include <bw/cni_request.h>
#include <bw/journal_claim.h>

struct bw_agent_request;
struct bw_attachment;
struct bw_err;

#define BRIDGE_CLAIM_WAIT_S 30 /* waitSeconds, default */
#define BRIDGE_CLAIM_WAIT_MAX_S 300

/* Whether the network's configuration says "claims": true. No system call. */
int bridge_claim_is(const struct bw_cni_request *req);

/* The pod and its claim as the runtime tells of them. Texts are borrowed from the request. */
struct bridge_claim_pod {
	const char *ns;
	const char *name;
	const char *uid; /* NULL = not said */
	const struct cJSON *annotations; /* NULL = the runtime does not pass them */
	char claim[BW_CLAIM_NAME_MAX + 1]; /* its name, as far as the node can tell */
	uint32_t wait_ms;
};

/**
 * bridge_claim_pod() - read what the runtime says of the pod
 * @req: of a network with claims
 * @lenient: for DEL: what is missing stays NULL
 * @ret: filled
 *
 * Return: 0; -EINVAL class INVALID with the remedy.
 */
int bridge_claim_pod(const struct bw_cni_request *req, int lenient, struct bridge_claim_pod *ret,
		     struct bw_err *err);

/**
 * bridge_claim_find() - wait for the claim of this interface and read its binding
 * @req: ADD
 * @pod: bridge_claim_pod()
 * @ret: decoded; bw_binding_done() frees it
 *
 * Asks the node's daemon first; no lock or transaction is open meanwhile. Where there is none, a
 * row of the journal that this boot confirmed serves as well.
 * Return: 0; -EBUSY class BUSY what is missing; -EINVAL class INVALID; -errno.
 */
int bridge_claim_find(const struct bw_cni_request *req, const struct bridge_claim_pod *pod,
		      struct bw_binding *ret, struct bw_err *err);

/* The binding of a row of attachments, for CHECK. 0; -ENOENT class INVALID; -errno. */
int bridge_claim_of(const struct bw_attachment *a, struct bw_binding *ret, struct bw_err *err);

/**
 * bridge_claim_row() - the attachment's row in the node's journal
 *
 * Return: 1 found, 0 none, also without a journal; -errno.
 */
int bridge_claim_row(const struct bw_cni_request *req, struct bw_attachment *ret,
		     struct bw_err *err);

/* A DEL that found no attachment: the claim's token is given back all the same. 0; -errno. */
int bridge_claim_leave(const struct bw_cni_request *req, const struct bridge_claim_pod *pod,
		       struct bw_err *err);

/**
 * bridge_claim_conf() - the configuration a binding amounts to
 * @req: what came: name, cniVersion, prevResult, dns and the plugin's own switches stay
 * @b: borrowed; NULL = without one, for DEL, GC and STATUS
 * @bridge: with @b NULL the bridge's name; NULL = none
 * @ret: JSON, owned by the caller
 *
 * The type is the program that serves the binding's mode.
 * Return: 0; -EINVAL class INVALID a mode no program here serves; -ENOMEM.
 */
int bridge_claim_conf(const struct bw_cni_request *req, const struct bw_binding *b,
		      const char *bridge, char **ret, struct bw_err *err);

/* The same for another program's row: DEL and GC of barewire-sriov or macvlan. 0; -ENOMEM. */
int bridge_claim_conf_for(const struct bw_cni_request *req, const char *type, char **ret,
			  struct bw_err *err);
