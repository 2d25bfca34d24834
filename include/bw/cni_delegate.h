/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running a foreign plugin named by ipam.type: the only process a barewire plugin ever starts. And
 * becoming one: a network of claims is served by the program of the claim's mode.
 */
#pragma once

#include <bw/cni_request.h>

struct bw_cni_result;
struct bw_err;

/**
 * bw_cni_delegate() - run a delegate with the whole environment and the unchanged stdin
 * @req: the request being served; req->cni_path is searched in order
 * @type: name of the program: no slash
 * @verb: what the delegate is asked for, not necessarily req->verb
 * @ret_result: filled for ADD; NULL for the other verbs
 * @err: its own code and text, class FOREIGN, when it printed an error object
 *
 * Its stderr is ours. Its stdout is read up to BW_CNI_STDIN_MAX.
 * Return: 0; -ENOENT not found in CNI_PATH (class INVALID, naming what was searched);
 * -EREMOTEIO it failed; -EPROTO it answered no JSON; -errno of starting it.
 */
int bw_cni_delegate(const struct bw_cni_request *req, const char *type, enum bw_cni_verb verb,
		    struct bw_cni_result *ret_result, struct bw_err *err);

/**
 * bw_cni_become() - replace this process by another plugin, with another configuration
 * @req: the request being served; req->cni_path is searched in order
 * @type: name of the program: no slash
 * @text: what it reads on its standard input
 *
 * The environment stays. Descriptors but the standard ones close. On success this never returns.
 * Return: -ENOENT not found in CNI_PATH (class INVALID); -errno.
 */
int bw_cni_become(const struct bw_cni_request *req, const char *type, const char *text,
		  struct bw_err *err);
