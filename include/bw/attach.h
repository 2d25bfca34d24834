/* SPDX-License-Identifier: Apache-2.0 */
/* An attachment as a request names it, and what DEL makes of a journal that does not answer. */
#pragma once

#include <bw/cni_request.h>
#include <bw/journal.h>

struct bw_err;

/* Hex digits of an attachment's hash. */
#define BW_ATTACH_HASH_LEN 11

/**
 * bw_attach_hash() - an attachment in 11 hex digits
 *
 * Of 64-bit FNV-1a over container ID, NUL and interface name, the lower 44 bits: what is named
 * after it is found with no journal.
 */
void bw_attach_hash(const char *container_id, const char *ifname, char out[BW_ATTACH_HASH_LEN + 1]);

/* Name of an attachment's interface on the host: "bw" and its hash. */
void bw_attach_host_name(const char *container_id, const char *ifname,
			 char out[BW_CNI_IFNAME_MAX + 1]);

/* Fills in what the request alone says, for any verb; what is too long is cut. Nothing is opened.
 */
void bw_attach_fill(const struct bw_cni_request *req, const char *program,
		    struct bw_attachment *ret);

/* Whether trying again will not help: no journal, a damaged one, or one of a newer version. */
int bw_attach_is_lost(int r);

/**
 * bw_attach_judge() - what DEL makes of a journal function's failure
 * @r: what it returned
 * @why: its error
 * @err: NULL, or filled with @why when @r is kept
 *
 * A lost journal is logged, and DEL goes on without it. Any other failure may pass: it becomes
 * class BUSY, for the end.
 * Return: 0; @r to be kept.
 */
int bw_attach_judge(int r, struct bw_err *why, struct bw_err *err);

/**
 * bw_attach_judge_status() - what STATUS answers to a failed look
 * @r: what it returned
 * @why: its error
 * @err: NULL, or filled with @why when @r is kept
 *
 * Locked or slow for a moment is no reason to take a node out of service. What is neither a
 * delegate's own answer nor LIMITED becomes UNAVAILABLE.
 * Return: 0; @r to be kept.
 */
int bw_attach_judge_status(int r, struct bw_err *why, struct bw_err *err);
