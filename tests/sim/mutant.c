/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Controllers, agents, kubelets and launchers that are broken on purpose, by what the simulation
 * does to their requests and not in their code: the checker must find each of them.
 */
#include <string.h>

#include <cjson/cJSON.h>

#include "mutant.h"
#include "server_impl.h"
#include "store_impl.h"

const struct sim_mutant sim_mutants[] = {
	{ "trust-create", "a refused CREATE of an address counts as done", NULL, NULL },
	{ "no-cas", "the status of a claim is written without its resourceVersion", NULL, NULL },
	{ "no-precondition", "an address is deleted whatever it is by now", NULL, NULL },
	{ "blind-delete", "an address is deleted where it should cool", NULL, NULL },
	{ "ack-early", "an agent gives its token back while the attachment is live", NULL, NULL },
	{ "serve-spent", "an agent serves a token that it has given back", NULL, NULL },
	{ "false-fence", "a node is tainted out-of-service and not powered off", NULL, NULL },
	{ "false-release", "a token is released by hand while its node lives", NULL, NULL },
	{ "deaf-leader", "a leader that is new since a restore listens to no node first",
	  "all leaders are new", NULL },
	{ "deaf-stop", "a stop is answered and not done", NULL, "U4" },
	{ "stop-by-deletion", "a stop takes the pod away", NULL, "U4" },
	{ "start-by-restart", "a start restarts the container", NULL, "U4" },
	{ "old-files", "a kubelet brings no changed file", NULL, "U5" },
	{ "deaf-signal", "a process that is told of its files does not read them", NULL, "U5" },
	{ "always-ready", "slices say that every pod is ready", NULL, "U3" },
	{ "other-volume", "a pod mounts another volume than the Unit's", NULL, "U2" },
	{ NULL, NULL, NULL, NULL },
};

static int is(const struct sim_request *q, const char *mutant)
{
	return !strcmp(q->server->mutant, mutant);
}

/* What a controller writes for its Units. */
static void mutate_made(const struct sim_request *q, struct cJSON *body)
{
	struct cJSON *spec = cJSON_GetObjectItemCaseSensitive(body, "spec");
	struct cJSON *i, *of;

	if (is(q, "always-ready") && q->kind == &sim_kinds[SIM_SLICE])
		cJSON_ArrayForEach (i, cJSON_GetObjectItemCaseSensitive(body, "endpoints")) {
			of = cJSON_GetObjectItemCaseSensitive(i, "conditions");
			cJSON_DeleteItemFromObjectCaseSensitive(of, "ready");
			(void)cJSON_AddTrueToObject(of, "ready"); /* NULL: nothing changes */
		}
	if (is(q, "other-volume") && q->kind == &sim_kinds[SIM_POD])
		cJSON_ArrayForEach (i, cJSON_GetObjectItemCaseSensitive(spec, "volumes")) {
			of = cJSON_GetObjectItemCaseSensitive(i, "persistentVolumeClaim");
			cJSON_DeleteItemFromObjectCaseSensitive(of, "claimName");
			(void)cJSON_AddStringToObject(of, "claimName", "other"); /* as above */
		}
}

void sim_mutate_request(struct sim_request *q, struct cJSON *body, struct sim_delete *del)
{
	struct cJSON *meta = cJSON_GetObjectItemCaseSensitive(body, "metadata");

	if (is(q, "no-cas") && q->kind == &sim_kinds[SIM_CLAIM] && q->r.subresource)
		cJSON_DeleteItemFromObjectCaseSensitive(meta, "resourceVersion");
	mutate_made(q, body);
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
