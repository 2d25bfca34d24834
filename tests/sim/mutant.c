/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Controllers and agents that are broken on purpose, by what the simulation does to their requests
 * and not in their code: the checker must find each of them.
 */
#include <string.h>

#include <cjson/cJSON.h>

#include "mutant.h"
#include "server_impl.h"
#include "store_impl.h"

const struct sim_mutant sim_mutants[] = {
	{ "trust-create", "a refused CREATE of an address counts as done", NULL },
	{ "no-cas", "the status of a claim is written without its resourceVersion", NULL },
	{ "no-precondition", "an address is deleted whatever it is by now", NULL },
	{ "blind-delete", "an address is deleted where it should cool", NULL },
	{ "ack-early", "an agent gives its token back while the attachment is live", NULL },
	{ "serve-spent", "an agent serves a token that it has given back", NULL },
	{ "false-fence", "a node is tainted out-of-service and not powered off", NULL },
	{ "false-release", "a token is released by hand while its node lives", NULL },
	{ "deaf-leader", "a leader that is new since a restore listens to no node first",
	  "all leaders are new" },
	{ NULL, NULL, NULL },
};

static int is(const struct sim_request *q, const char *mutant)
{
	return !strcmp(q->server->mutant, mutant);
}

void sim_mutate_request(struct sim_request *q, struct cJSON *body, struct sim_delete *del)
{
	struct cJSON *meta = cJSON_GetObjectItemCaseSensitive(body, "metadata");

	if (is(q, "no-cas") && q->kind == &sim_kinds[SIM_CLAIM] && q->r.subresource)
		cJSON_DeleteItemFromObjectCaseSensitive(meta, "resourceVersion");
	if (q->kind != &sim_kinds[SIM_ADDRESS])
		return;
	if (is(q, "no-precondition") || is(q, "blind-delete"))
		del->uid = del->resource_version = NULL;
	if (is(q, "blind-delete") && body && !strcmp(sim_text_at(body, "spec.state"), "Cooling") &&
	    q->r.verb == BW_KUBE_MERGE) {
		q->r.verb = BW_KUBE_DELETE;
		del->grace_s = -1;
	}
}

void sim_mutate_reply(struct sim_request *q)
{
	if (is(q, "trust-create") && q->kind == &sim_kinds[SIM_ADDRESS] &&
	    q->r.verb == BW_KUBE_CREATE && q->reply.http == 409)
		sim_store_get(q->server->store, q->kind, NULL, q->r.name, &q->reply);
}
