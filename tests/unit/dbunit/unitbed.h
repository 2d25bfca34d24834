/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bed of the address controllers with the controller of Units beside them, a node, a pool, and
 * somebody who plays scheduler, kubelet and agent. Include it in one file of a program.
 */
#pragma once

#include "../ctl/bed.h"

#include "impl.h"

#define UNIT_JSON(name_, networking_, more_)                                                       \
	"{\"kind\":\"Unit\",\"metadata\":{\"name\":\"" name_                                       \
	"\",\"namespace\":\"db\",\"labels\":{\"app\":\"redis\"}},\"spec\":{"                       \
	"\"mainContainerName\":\"redis\",\"startup\":true,\"nodePolicy\":\"Required\","            \
	"\"networking\":{\"network\":\"lan\"," networking_ "\"type\":\"networkClaim\"},"           \
	"\"template\":{\"spec\":{\"containers\":[{\"name\":\"redis\",\"image\":\"redis\","         \
	"\"volumeMounts\":[{\"name\":\"data\",\"mountPath\":\"/data\"}]}]}},"                      \
	"\"volumeClaimTemplates\":[{\"metadata\":{\"name\":\"data\"},\"spec\":{\"accessModes\":["  \
	"\"ReadWriteOnce\"],\"resources\":{\"requests\":{\"storage\":\"1Gi\"}}}}]" more_ "}}"

struct ubed {
	struct bed bed;
	struct ctl_unit *unit;
	unsigned int crash_at; /* the controller dies before it sends this write; 0 = never */
	unsigned int sent; /* writes of all its lives */
	uint8_t died;
	const char *launch_image; /* of the next that is booted; NULL = none */
	void (*booting)(struct ubed *u); /* before the controller begins; NULL = nothing */
};

static inline void ubed_moment(struct sim_client *client, enum sim_moment m,
			       const struct bw_kube_request *r, void *arg)
{
	struct ubed *u = arg;

	if (m != SIM_SEND || r->verb < BW_KUBE_CREATE || r->verb == BW_KUBE_RAW)
		return;
	if (++u->sent == u->crash_at) {
		client->dead = 1;
		u->died = 1;
	}
}

/* A controller that leads; the one before is gone with all that it knew. */
static inline void ubed_boot(struct ubed *u)
{
	struct bed *b = &u->bed;
	struct ctl_unit_options o = { .loop = b->loop, .launch_image = u->launch_image };
	struct bw_err err = { 0 };

	bw_kube_runtime_free(&b->rt);
	ctl_unit_free(&u->unit);
	if (u->died) {
		struct bw_kube_client *c = &b->client.base;

		bw_kube_client_free(&c);
		sim_client_init(&b->client, &b->server, "ctl");
		u->died = 0;
	}
	b->client.moment = ubed_moment;
	b->client.arg = u;
	if (u->booting)
		u->booting(u);
	bed_boot(b);
	o.ipam = b->ipam;
	assert_int_equal(ctl_unit_start(b->rt, &o, &u->unit, &err), 0);
	bed_run(b, 1000);
	ctl_ipam_lead(b->ipam, 1);
	bed_run(b, 1000);
}

static inline void ubed_init_as(struct ubed *u, const char *launch_image,
				void (*booting)(struct ubed *u))
{
	memset(u, 0, sizeof(*u));
	u->launch_image = launch_image;
	u->booting = booting;
	bed_init(&u->bed);
	bed_put(&u->bed, "{\"kind\":\"Node\",\"metadata\":{\"name\":\"n1\"}}");
	bed_put(&u->bed,
		"{\"kind\":\"NetworkPool\",\"metadata\":{\"name\":\"lan\"},\"spec\":{\"domain\":"
		"\"lan\",\"prefix\":\"10.99.0.0/16\",\"ranges\":[\"10.99.2.1-10.99.2.9\"],"
		"\"mode\":\"bridge\"}}");
	ubed_boot(u);
	bed_run(&u->bed, 3000);
}

static inline void ubed_init(struct ubed *u)
{
	ubed_init_as(u, NULL, NULL);
}

static inline void ubed_done(struct ubed *u)
{
	bw_kube_runtime_free(&u->bed.rt);
	ctl_unit_free(&u->unit);
	bed_done(&u->bed);
}

/* The node that its affinity says, where it says one: n1 or n2; NULL = none takes it. */
static inline const char *ubed_schedule(struct ubed *u, const struct sim_key *k)
{
	static const char at[] = "spec.affinity.nodeAffinity."
				 "requiredDuringSchedulingIgnoredDuringExecution."
				 "nodeSelectorTerms.0.matchFields.0";
	struct bed *b = &u->bed;
	const char *node = "n1";
	char path[256];
	char op[256];
	char value[256];
	char is[256];

	(void)snprintf(path, sizeof(path), "%s.operator", at);
	bed_get(b, SIM_POD, k->namespace, k->name, path, op);
	(void)snprintf(path, sizeof(path), "%s.values.0", at);
	bed_get(b, SIM_POD, k->namespace, k->name, path, value);
	if (strcmp(value, "n2") == 0)
		node = "n2";
	if (strcmp(op, "NotIn") == 0)
		node = strcmp(node, "n1") == 0 ? "n2" : "n1";
	bed_get(b, SIM_NODE, NULL, node, "metadata.name", is);
	if (!*is || *bed_get(b, SIM_NODE, NULL, node, "spec.taints.0.key", is))
		return NULL;
	return node;
}

static inline void ubed_pod(struct ubed *u, const struct sim_key *k)
{
	struct bed *b = &u->bed;
	char node[256];
	char phase[256];
	char ip[256];
	char text[512];

	if (*bed_get(b, SIM_POD, k->namespace, k->name, "metadata.deletionTimestamp", node)) {
		bed_delete(b, SIM_POD, k->namespace, k->name);
		return;
	}
	if (!*bed_get(b, SIM_POD, k->namespace, k->name, "spec.nodeName", node)) {
		const char *to = ubed_schedule(u, k);

		(void)snprintf(text, sizeof(text), "{\"spec\":{\"nodeName\":\"%s\"}}",
			       to ? to : "");
		if (to)
			bed_merge(b, SIM_POD, k->namespace, k->name, NULL, text);
		return;
	}
	if (strcmp(bed_get(b, SIM_POD, k->namespace, k->name, "status.phase", phase), "Running") ==
	    0)
		return;
	bed_get(b, SIM_CLAIM, k->namespace, k->name, "status.interfaces.0.ips.0", ip);
	(void)snprintf(
		text, sizeof(text),
		"{\"status\":{\"phase\":\"Running\",\"podIPs\":[{\"ip\":\"%s\"}],\"conditions\":["
		"{\"type\":\"Ready\",\"status\":\"True\"}],\"containerStatuses\":[{\"name\":"
		"\"redis\",\"state\":{\"running\":{}}}]}}",
		ip);
	bed_merge(b, SIM_POD, k->namespace, k->name, "status", text);
}

/* The agent lets go of a claim that is to be released and that no pod uses. */
static inline void ubed_claim(struct ubed *u, const struct sim_key *k)
{
	struct bed *b = &u->bed;
	char token[256];
	char is[256];
	char pod[256];
	char text[300];

	bed_get(b, SIM_CLAIM, k->namespace, k->name, "status.holder.token", token);
	bed_get(b, SIM_CLAIM, k->namespace, k->name, "status.detachedToken", is);
	if (!*token || strcmp(token, is) == 0 ||
	    *bed_get(b, SIM_POD, k->namespace, k->name, "metadata.name", pod))
		return;
	(void)snprintf(text, sizeof(text), "{\"status\":{\"detachedToken\":%s}}", token);
	bed_merge(b, SIM_CLAIM, k->namespace, k->name, "status", text);
}

static inline void ubed_each(struct ubed *u, enum sim_kind_id kind,
			     void (*fn)(struct ubed *u, const struct sim_key *k))
{
	size_t n;

	(void)sim_store_keys(u->bed.store, &sim_kinds[kind], &n);
	for (size_t i = 0; i < n; i++) {
		const struct sim_key *k = sim_store_keys(u->bed.store, &sim_kinds[kind], &n)[i];

		if (k->tree)
			fn(u, k);
	}
}

/* A cluster that does its part, for so long; a controller that died is followed by another. */
static inline void ubed_live(struct ubed *u, int64_t ms)
{
	for (int64_t at = 0; at < ms; at += 100) {
		bed_run(&u->bed, 100);
		if (u->died)
			ubed_boot(u);
		ubed_each(u, SIM_POD, ubed_pod);
		ubed_each(u, SIM_CLAIM, ubed_claim);
	}
}

static inline void ubed_expect(struct ubed *u, enum sim_kind_id kind, const char *name,
			       const char *path, const char *want)
{
	char got[256];

	assert_string_equal(bed_get(&u->bed, kind, "db", name, path, got), want);
}

/* Versions of a kind that the store has seen. */
static inline unsigned int ubed_versions(const struct ubed *u, enum sim_kind_id kind)
{
	unsigned int n = 0;

	for (size_t i = 0; i < sim_store_log_size(u->bed.store); i++)
		n += sim_store_log(u->bed.store, i)->key->kind == &sim_kinds[kind];
	return n;
}

/* The condition's reason; "" = there is none. */
static inline const char *ubed_reason(struct ubed *u, const char *name, const char *type,
				      char out[256])
{
	char path[64];
	char is[256];

	for (int i = 0; i < 16; i++) {
		(void)snprintf(path, sizeof(path), "status.conditions.%d.type", i);
		if (strcmp(bed_get(&u->bed, SIM_UNIT, "db", name, path, is), type) != 0)
			continue;
		(void)snprintf(path, sizeof(path), "status.conditions.%d.reason", i);
		return bed_get(&u->bed, SIM_UNIT, "db", name, path, out);
	}
	out[0] = '\0';
	return out;
}
