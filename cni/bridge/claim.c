/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs of barewire-bridge where the network says "claims": true. Each makes the configuration
 * that the claim, or the attachment's row, amounts to, and serves that; or becomes the program that
 * does. A network without claims goes straight through.
 */
#include <string.h>

#include <bw/agent_sock.h>
#include <bw/attach.h>
#include <bw/cni_delegate.h>
#include <bw/cni_plugin.h>
#include <bw/err.h>
#include <bw/log.h>

#include "claim.h"
#include "ctx.h"
#include "verbs.h"

#define IPAM_PROGRAM "barewire-ipam"
#define SRIOV_PROGRAM "barewire-sriov"
#define MACVLAN_PROGRAM "macvlan"
#define NO_BRIDGE "bw-claims" /* no device has it: STATUS has no one segment to judge */

/* Which program's interface a row is of: what macvlan made is journalled by its IPAM. */
static const char *maker(const struct bw_attachment *a)
{
	return strcmp(a->program, IPAM_PROGRAM) == 0 ? MACVLAN_PROGRAM : a->program;
}

/* Serves @text as if it had come on standard input. */
static int serve(const struct bw_cni_request *req, const char *text, bw_cni_verb_fn verb,
		 struct bw_cni_result *result, struct bw_err *err)
{
	bw_autorequest struct bw_cni_request *again = NULL;
	struct bw_cni_env env;
	int r;

	bw_cni_env_read(&env);
	r = bw_cni_request_new(&env, req->verb, text, strlen(text), NULL, &again, err);
	if (r < 0)
		return r;
	again->netns = req->netns; /* DEL may have been told not to touch it */
	return verb(again, result, err);
}

/* Serves a binding: here, or as the program of its mode. */
static int serve_binding(const struct bw_cni_request *req, const struct bw_binding *b,
			 bw_cni_verb_fn verb, struct bw_cni_result *result, struct bw_err *err)
{
	bw_autofree char *text = NULL;
	int r = bridge_claim_conf(req, b, NULL, &text, err);

	if (r < 0)
		return r;
	switch (b->mode) {
	case BW_BINDING_SRIOV:
		return bw_cni_become(req, SRIOV_PROGRAM, text, err);
	case BW_BINDING_MACVLAN:
		return bw_cni_become(req, MACVLAN_PROGRAM, text, err);
	case BW_BINDING_BRIDGE:
	case BW_BINDING_CALICO:
	case BW_BINDING_KUBE_OVN:
	case BW_BINDING_EXTERNAL:
	case BW_BINDING_MODE_MAX_:
		break;
	}
	return serve(req, text, verb, result, err);
}

int bridge_claim_add(const struct bw_cni_request *req, struct bw_cni_result *result,
		     struct bw_err *err)
{
	bw_autobinding struct bw_binding b = { 0 };
	struct bridge_claim_pod pod;
	int r;

	if (!bridge_claim_is(req))
		return bridge_add(req, result, err);
	r = bridge_claim_pod(req, 0, &pod, err);
	if (r == 0)
		r = bridge_claim_find(req, &pod, &b, err);
	if (r == 0)
		r = serve_binding(req, &b, bridge_add, result, err);
	if (r == 0)
		bw_agent_nudge(NULL);
	return r;
}

/* Without a binding: what the row says is all that is needed. */
static int serve_row(const struct bw_cni_request *req, const char *bridge, bw_cni_verb_fn verb,
		     struct bw_err *err)
{
	bw_autofree char *text = NULL;
	int r = bridge_claim_conf(req, NULL, bridge, &text, err);

	return r < 0 ? r : serve(req, text, verb, NULL, err);
}

static int become(const struct bw_cni_request *req, const char *program, struct bw_err *err)
{
	bw_autofree char *text = NULL;
	int r = bridge_claim_conf_for(req, program, &text, err);

	return r < 0 ? r : bw_cni_become(req, program, text, err);
}

/* There is no row: somebody may wait for the claim's token to be given back all the same. */
static int del_nothing(const struct bw_cni_request *req, struct bw_err *err)
{
	struct bridge_claim_pod pod;
	struct bw_err why = { 0 };
	int r = bridge_claim_pod(req, 1, &pod, err);

	if (r == 0)
		r = serve_row(req, NULL, bridge_del, err);
	if (r < 0)
		return r;
	r = bridge_claim_leave(req, &pod, &why);
	return bw_attach_judge(r, &why, err);
}

int bridge_claim_del(const struct bw_cni_request *req, struct bw_cni_result *result,
		     struct bw_err *err)
{
	bw_autofree struct bw_attachment *a = NULL;
	struct bw_err why = { 0 };
	int r;

	if (!bridge_claim_is(req))
		return bridge_del(req, result, err);
	a = calloc(1, sizeof(*a));
	if (!a)
		return bw_fail(err, ENOMEM, "read an attachment");
	r = bridge_claim_row(req, a, &why);
	if (r < 0 && !bw_attach_is_lost(r))
		return bw_attach_judge(r, &why, err);
	if (r == 1 && strcmp(maker(a), BRIDGE_PROGRAM) != 0)
		return become(req, maker(a), err);
	r = r == 1 ? serve_row(req, a->bridge, bridge_del, err) : del_nothing(req, err);
	if (r == 0)
		bw_agent_nudge(NULL);
	return r;
}

int bridge_claim_check(const struct bw_cni_request *req, struct bw_cni_result *result,
		       struct bw_err *err)
{
	bw_autofree struct bw_attachment *a = NULL;
	bw_autobinding struct bw_binding b = { 0 };
	int r;

	if (!bridge_claim_is(req))
		return bridge_check(req, result, err);
	a = calloc(1, sizeof(*a));
	if (!a)
		return bw_fail(err, ENOMEM, "read an attachment");
	r = bridge_claim_row(req, a, err);
	if (r == 0)
		return bw_reject(err, BW_ERR_INVALID, ENOENT,
				 "container %.80s %s has no attachment in the journal",
				 req->container_id, req->ifname);
	if (r > 0)
		r = bridge_claim_of(a, &b, err);
	return r < 0 ? r : serve_binding(req, &b, bridge_check, result, err);
}

static int is_of_sriov(const struct bw_attachment *a, void *arg, struct bw_err *err)
{
	(void)arg;
	(void)err;
	return a->claim_uid[0] && strcmp(a->program, SRIOV_PROGRAM) == 0;
}

/* Whether barewire-sriov has attachments in this network. 1, 0; -errno. */
static int has_sriov(const struct bw_cni_request *req, struct bw_err *err)
{
	bw_autojournal struct bw_journal *j = NULL;
	int r = bw_journal_open(BW_JOURNAL_DIR_DEFAULT, BW_JOURNAL_F_READ, &j, err);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	return bw_journal_attach_each(j, req->name, is_of_sriov, NULL, err);
}

int bridge_claim_gc(const struct bw_cni_request *req, struct bw_cni_result *result,
		    struct bw_err *err)
{
	int r;

	if (!bridge_claim_is(req))
		return bridge_gc(req, result, err);
	r = serve_row(req, NULL, bridge_gc, err);
	bw_agent_nudge(NULL);
	if (r == 0)
		r = has_sriov(req, err);
	return r == 1 ? become(req, SRIOV_PROGRAM, err) : r;
}

int bridge_claim_status(const struct bw_cni_request *req, struct bw_cni_result *result,
			struct bw_err *err)
{
	return bridge_claim_is(req) ? serve_row(req, NO_BRIDGE, bridge_status, err)
				    : bridge_status(req, result, err);
}
