/* SPDX-License-Identifier: Apache-2.0 */
/* The container of a Unit's pod: it comes and goes with its sandbox, crashes, gets files, tells. */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/buf.h>
#include <bw/ip.h>
#include <bw/kube_base64.h>

#include "box.h"
#include "box_impl.h"
#include "check.h"
#include "store_impl.h"
#include "world.h"

#define CONFIG_VOLUME "barewire-config"

static const struct cJSON *member(const struct cJSON *tree, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(tree, key);
}

struct sim_pod *sim_box_of(struct sim_world *w, const char *uid, struct sim_node **ret_node)
{
	for (unsigned int i = 0; i < w->n_nodes; i++)
		for (size_t k = 0; k < SIM_PODS_MAX; k++) {
			struct sim_pod *p = &w->nodes[i].pods[k];

			/* A command goes to the machine that has the name now. */
			if (w->nodes[i].ghost || !p->used || !p->box.unit ||
			    strcmp(p->uid, uid) != 0)
				continue;
			if (ret_node)
				*ret_node = &w->nodes[i];
			return p;
		}
	return NULL;
}

/* FILES */

static int take_mark(const struct cJSON *object, char out[SIM_HASH_MAX])
{
	const char *text = cJSON_GetStringValue(member(member(object, "data"), ".barewire"));
	struct bw_buf plain = { 0 };

	if (text && bw_kube_base64_decode(text, strlen(text), &plain) == 0 && plain.size)
		(void)snprintf(out, SIM_HASH_MAX, "%.*s", (int)plain.size, plain.data);
	bw_buf_done(&plain);
	return *out != '\0';
}

const char *sim_files_hash(const struct cJSON *object, int secret, char out[SIM_HASH_MAX])
{
	const struct cJSON *f;
	uint64_t sum = 0;

	out[0] = '\0';
	if (!object)
		return out;
	/* One with secrets is known by its mark, where it has one. */
	if (secret && take_mark(object, out))
		return out;
	cJSON_ArrayForEach (f, member(object, "data")) {
		const char *text = cJSON_IsString(f) ? f->valuestring : "";
		uint64_t h = bw_fnv64(BW_FNV64_BASIS, f->string, strlen(f->string) + 1);
		struct bw_buf plain = { 0 };

		if (!secret)
			h = bw_fnv64(h, text, strlen(text));
		else if (bw_kube_base64_decode(text, strlen(text), &plain) == 0 && plain.size)
			h = bw_fnv64(h, plain.data, plain.size);
		bw_buf_done(&plain);
		sum += h;
	}
	(void)snprintf(out, SIM_HASH_MAX, "%016llx", (unsigned long long)sum);
	return out;
}

/* What the pod's volume shows at last. Return: 0 it mounts what is not there. */
static int look_at_files(struct sim_world *w, const struct sim_pod *p, const struct cJSON *pod,
			 char out[SIM_HASH_MAX])
{
	const struct cJSON *v;

	out[0] = '\0';
	cJSON_ArrayForEach (v, member(member(pod, "spec"), "volumes")) {
		int secret = member(v, "secret") != NULL;
		const struct cJSON *o;

		if (strcmp(sim_text_at(v, "name"), CONFIG_VOLUME) != 0)
			continue;
		o = sim_store_tree(w->store, secret ? SIM_SECRET : SIM_CONFIGMAP, p->namespace,
				   sim_text_at(v, secret ? "secret.secretName" : "configMap.name"));
		(void)sim_files_hash(o, secret, out);
		return o != NULL;
	}
	return 1;
}

/* THE PROCESS */

void sim_box_settle(struct sim_box *b, int64_t now)
{
	if (b->ending && now >= b->ends_ns)
		b->ending = b->runs = 0;
	if (b->up && !b->runs && !b->ending && !b->stop_file) {
		b->runs = 1;
		b->starts++;
		memcpy(b->has, b->files, sizeof(b->has));
	}
}

/* THE CONTAINER */

void sim_box_begin(struct sim_pod *p, const struct cJSON *pod)
{
	const struct cJSON *meta = member(pod, "metadata");

	p->box.unit = member(member(meta, "labels"), "db.barewire.dev/unit") != NULL;
	p->box.launcher = member(member(meta, "annotations"), SIM_LAUNCH_ANN) != NULL;
}

void sim_box_end(struct sim_pod *p)
{
	p->box.up = p->box.runs = p->box.ending = 0;
}

static void come_up(struct sim_node *n, struct sim_pod *p, const char *files)
{
	struct sim_box *b = &p->box;

	b->up = 1;
	b->restarts += b->begun;
	b->begun = 1;
	(void)snprintf(b->files, sizeof(b->files), "%s", files);
	sim_trace(&n->world->trace, "%s container of %s/%s runs, %u restarts", n->name,
		  p->namespace, p->name, b->restarts);
}

static void report(struct sim_node *n, struct sim_pod *p)
{
	const struct sim_box *b = &p->box;
	const char *ip = sim_check_ip(n->world->check, p->n_ips ? p->ips[0] : 0);
	int ready = b->up && b->runs && !b->ending && !b->stop_file;
	uint64_t hash;
	char text[700];

	(void)snprintf(
		text, sizeof(text),
		"{\"metadata\":{\"uid\":\"%s\"},\"status\":{\"phase\":\"Running\","
		"\"podIPs\":[{\"ip\":\"%s\"}],\"conditions\":[{\"type\":\"Ready\",\"status\":"
		"\"%s\"}],\"containerStatuses\":[{\"name\":\"db\",\"restartCount\":%u,"
		"\"state\":{\"%s\":{}}}]}}",
		p->uid, strchr(ip, '/') ? strchr(ip, '/') + 1 : "", ready ? "True" : "False",
		b->restarts, b->up ? "running" : "waiting");
	hash = bw_fnv64(BW_FNV64_BASIS, text, strlen(text));
	if (hash == b->said)
		return;
	if (sim_world_merge(n->world, n->name, SIM_POD, p->namespace, p->name, "status",
			    sim_json("%s", text)))
		p->box.said = hash;
}

void sim_box_step(struct sim_node *n, struct sim_pod *p, int online)
{
	struct sim_world *w = n->world;
	struct sim_box *b = &p->box;
	const struct cJSON *pod = sim_store_tree(w->store, SIM_POD, p->namespace, p->name);
	char files[SIM_HASH_MAX];

	if (!p->live)
		sim_box_end(p);
	else if (b->up && !w->calm && sim_rng_chance(&w->rng, 15))
		sim_box_end(p); /* it crashes, and is restarted */
	else if (!pod || strcmp(sim_meta(pod, "uid"), p->uid) != 0 || !online ||
		 !look_at_files(w, p, pod, files))
		; /* a kubelet that hears nothing keeps what there is */
	else if (!b->up && sim_node_may(n, 700))
		come_up(n, p, files);
	else if (b->up && strcmp(b->files, files) != 0 && !sim_world_mutant(w, "old-files") &&
		 sim_node_may(n, 300))
		memcpy(b->files, files, sizeof(b->files));
	sim_box_settle(b, sim_world_now(w));
	if (b->ending)
		sim_world_arm(w, &n->timer, 1 + (b->ends_ns - sim_world_now(w)) / 1000000);
	if (b->begun && online && sim_node_may(n, 800))
		report(n, p);
}
