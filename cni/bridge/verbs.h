/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of barewire-bridge, as bw_cni_verb_fn. */
#pragma once

struct bw_cni_request;
struct bw_cni_result;
struct bw_err;

/* Attaches a container. @result is what ADD answers. */
int bridge_add(const struct bw_cni_request *req, struct bw_cni_result *result, struct bw_err *err);

/* Detaches a container, as far as it can. */
int bridge_del(const struct bw_cni_request *req, struct bw_cni_result *result, struct bw_err *err);

/* Compares the kernel and the journal with prevResult; each drift is named. */
int bridge_check(const struct bw_cni_request *req, struct bw_cni_result *result,
		 struct bw_err *err);

/* Removes what belongs to attachments the runtime no longer knows. */
int bridge_gc(const struct bw_cni_request *req, struct bw_cni_result *result, struct bw_err *err);

/* Whether an ADD could work here. */
int bridge_status(const struct bw_cni_request *req, struct bw_cni_result *result,
		  struct bw_err *err);

/*
 * The same for any network: one with "claims": true is served as its claims say, see claim.h, any
 * other by the functions above. ADD waits on the node's daemon without a lock or a transaction.
 */
int bridge_claim_add(const struct bw_cni_request *req, struct bw_cni_result *result,
		     struct bw_err *err);
int bridge_claim_del(const struct bw_cni_request *req, struct bw_cni_result *result,
		     struct bw_err *err);
int bridge_claim_check(const struct bw_cni_request *req, struct bw_cni_result *result,
		       struct bw_err *err);
int bridge_claim_gc(const struct bw_cni_request *req, struct bw_cni_result *result,
		    struct bw_err *err);
int bridge_claim_status(const struct bw_cni_request *req, struct bw_cni_result *result,
			struct bw_err *err);
