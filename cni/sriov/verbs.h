/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of barewire-sriov, as bw_cni_verb_fn. */
#pragma once

struct bw_cni_request;
struct bw_cni_result;
struct bw_err;

/* Gives a container its VF. @result is what ADD answers. */
int sriov_add(const struct bw_cni_request *req, struct bw_cni_result *result, struct bw_err *err);

/* Takes it back, as far as it can, and leaves it as ADD found it. */
int sriov_del(const struct bw_cni_request *req, struct bw_cni_result *result, struct bw_err *err);

/* Compares the kernel and the journal with prevResult; each drift is named. */
int sriov_check(const struct bw_cni_request *req, struct bw_cni_result *result, struct bw_err *err);

/* Returns the VFs of attachments the runtime no longer knows. */
int sriov_gc(const struct bw_cni_request *req, struct bw_cni_result *result, struct bw_err *err);

/* Whether an ADD could work here. */
int sriov_status(const struct bw_cni_request *req, struct bw_cni_result *result,
		 struct bw_err *err);
