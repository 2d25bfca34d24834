/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of spec.config: made of templates, written into the ConfigMap UNIT-config or, once a
 * secret is in one of them, into the Secret of that name. A pod is made when they are written.
 * Templates that cannot be followed leave the files as they were.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/err.h>
#include <bw/kube_base64.h>

#include "impl.h"
#include "render.h"

#define INVALID "ConfigInvalid"
#define FOREIGN "ConfigForeign"

/* What there is, and what there should be. */
struct work {
	char name[BW_KUBE_NAME_MAX + 1]; /* of both objects */
	struct bw_k_config_map map;
	enum unit_whose map_whose;
	const struct bw_k_secret *secret; /* borrowed */
	enum unit_whose secret_whose;
	int hidden; /* the Secret may be there, and may not be read */
	int unmade; /* its deletion is planned */
	struct unit_files files;
};

static void work_done(struct work *w)
{
	bw_k_config_map_done(&w->map);
	unit_files_done(&w->files);
}

void unit_config_object(const struct unit_run *k, char out[BW_KUBE_NAME_MAX + 1])
{
	(void)snprintf(out, BW_KUBE_NAME_MAX + 1, "%s-config",
		       k->unit->meta.name); /* a Unit's name has at most 63, ignoring */
}

/* HASHES */

/* In whatever order. */
static uint64_t add_file(uint64_t h, const char *name, const char *text)
{
	uint64_t one = bw_fnv64(BW_FNV64_BASIS, name, strlen(name) + 1);

	return h + bw_fnv64(one, text, strlen(text));
}

static void hash_map(const struct bw_k_config_map *m, char out[UNIT_CONFIG_HASH_MAX])
{
	uint64_t h = 0;

	for (size_t i = 0; i < m->data.n; i++)
		h = add_file(h, m->data.items[i].key, m->data.items[i].value);
	(void)snprintf(out, UNIT_CONFIG_HASH_MAX, "%016llx", (unsigned long long)h); /* fits */
}

static void hash_files(const struct work *w, const struct unit_run *k,
		       char out[UNIT_CONFIG_HASH_MAX])
{
	uint64_t h = 0;

	for (size_t i = 0; i < w->files.n; i++)
		h = add_file(h, k->unit->spec.config.templates.items[i].name,
			     unit_file_text(&w->files, i));
	(void)snprintf(out, UNIT_CONFIG_HASH_MAX, "%016llx", (unsigned long long)h); /* fits */
}

static int is_of_secret(const char *hash)
{
	return hash && strncmp(hash, UNIT_HASH_SECRET, strlen(UNIT_HASH_SECRET)) == 0;
}

/*
 * What its mark says: a number that grows with each write, the same for the pod that finds it among
 * its files. It says nothing of the secrets. Return: 0 there is none.
 */
static int mark_of(const struct bw_k_secret *s, char out[UNIT_CONFIG_HASH_MAX])
{
	bw_autobuf struct bw_buf text = { 0 };
	const char *is = bw_kube_pair_get(s->data.items, s->data.n, UNIT_CONFIG_MARK);

	if (!is || bw_kube_base64_decode(is, strlen(is), &text) < 0 || !text.size ||
	    text.size >= UNIT_CONFIG_HASH_MAX)
		return 0;
	(void)snprintf(out, UNIT_CONFIG_HASH_MAX, "%.*s", (int)text.size, text.data); /* fits */
	return is_of_secret(out);
}

/* Without a mark: of which Secret it is and which state of it; nothing can be guessed from that. */
static void hash_secret(const struct bw_k_secret *s, char out[UNIT_CONFIG_HASH_MAX])
{
	uint64_t h = bw_fnv64(BW_FNV64_BASIS, s->meta.uid, strlen(s->meta.uid) + 1);

	if (mark_of(s, out))
		return;
	h = bw_fnv64(h, s->meta.rv, strlen(s->meta.rv));
	(void)snprintf(out, UNIT_CONFIG_HASH_MAX, UNIT_HASH_SECRET "%016llx",
		       (unsigned long long)h); /* fits */
}

const char *unit_config_secret_of(const struct cJSON *status_config)
{
	const char *delivered = bw_json_get_str(status_config, "delivered");
	const char *desired = bw_json_get_str(status_config, "desired");

	if (is_of_secret(delivered))
		return delivered;
	return is_of_secret(desired) ? desired : NULL;
}

static const struct cJSON *said_of(const struct unit_run *k)
{
	return bw_json_get(bw_json_get(k->unit->doc, "status"), "config");
}

/* LOOKING */

/* Hash of the files that the pod has; NULL: it has none. */
static const char *mounted(const struct unit_run *k)
{
	return k->pod_o ? bw_kube_annotation(&k->pod.meta, UNIT_ANN_CONFIG) : NULL;
}

static void look_at_map(struct unit_run *k, struct work *w)
{
	struct bw_kube_object *o =
		bw_kube_store_get(k->c->st.configs, k->unit->meta.namespace, w->name);

	if (!o)
		return;
	/* What cannot be read is not ours to touch. */
	w->map_whose = UNIT_SOMEBODYS;
	if (bw_k_config_map_decode(o->text, o->size, &w->map, NULL) == 0)
		w->map_whose = unit_whose(k, &w->map.meta);
}

/*
 * Only where there may be one: the status and the pod say so, and the status forgets it no sooner
 * than it is deleted. Return: 0 it has to be read first.
 */
static int look_at_secret(struct unit_run *k, struct work *w)
{
	enum unit_read_state read;

	if (!w->files.secret && !is_of_secret(mounted(k)) && !unit_config_secret_of(said_of(k)))
		return 1;
	read = unit_secret(k, w->name, &w->secret);
	if (read == UNIT_READ_ASKED)
		return 0;
	w->hidden = read == UNIT_READ_FORBIDDEN;
	w->secret_whose = w->secret ? unit_whose(k, &w->secret->meta) : UNIT_NOBODYS;
	return 1;
}

/* What is there is what a pod gets. */
static void take_what_is_there(struct unit_run *k, const struct work *w)
{
	struct unit_config *c = &k->config;

	c->secret = w->secret_whose == UNIT_OURS && !w->secret->meta.deleting;
	c->there = c->secret || w->map_whose == UNIT_OURS;
	if (c->secret)
		hash_secret(w->secret, c->hash);
	else if (c->there)
		hash_map(&w->map, c->hash);
}

/* WHETHER IT IS AS IT SHOULD BE */

static int map_is_right(const struct unit_run *k, const struct work *w)
{
	const struct bw_db_unit_config *s = &k->unit->spec.config;

	if (w->map_whose != UNIT_OURS || w->map.data.n != w->files.n || w->map.meta.deleting)
		return 0;
	for (size_t i = 0; i < w->files.n; i++) {
		const char *is = bw_kube_pair_get(w->map.data.items, w->map.data.n,
						  s->templates.items[i].name);

		if (!is || strcmp(is, unit_file_text(&w->files, i)) != 0)
			return 0;
	}
	return 1;
}

/* NULL: out of memory. To be wiped. */
static char *encoded(const struct work *w, size_t i)
{
	const char *text = unit_file_text(&w->files, i);
	struct bw_buf b = { 0 };

	if (bw_buf_reserve(&b, strlen(text) * 4 / 3 + 8) < 0 ||
	    bw_kube_base64_encode(text, strlen(text), &b) < 0) {
		bw_buf_done(&b);
		return NULL;
	}
	return bw_buf_take(&b);
}

static void wipe(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

static int is_marked(const struct unit_run *k, const struct work *w)
{
	char mark[UNIT_CONFIG_HASH_MAX];

	return w->secret && !unit_config_declares(k, UNIT_CONFIG_MARK) && mark_of(w->secret, mark);
}

/* A process that is told of its files has to know when they have come. */
static int wants_mark(const struct unit_run *k, const struct work *w)
{
	return !unit_config_declares(k, UNIT_CONFIG_MARK) &&
	       (is_marked(k, w) ||
		k->unit->spec.config.on_change == BW_DB_UNIT_CONFIG_ON_CHANGE_SIGNAL);
}

static int secret_is_right(const struct unit_run *k, const struct work *w)
{
	const struct bw_db_unit_config *s = &k->unit->spec.config;
	size_t n = w->files.n + (size_t)wants_mark(k, w);
	int right;

	if (w->secret_whose != UNIT_OURS || w->secret->data.n != n ||
	    is_marked(k, w) != wants_mark(k, w))
		return 0;
	right = 1;
	for (size_t i = 0; right && i < w->files.n; i++) {
		const char *is = bw_kube_pair_get(w->secret->data.items, w->secret->data.n,
						  s->templates.items[i].name);
		char *should = encoded(w, i);

		right = is && should && strcmp(is, should) == 0;
		wipe(should);
	}
	return right;
}

/* WRITING */

int unit_config_declares(const struct unit_run *k, const char *file)
{
	const struct bw_db_unit_config *s = &k->unit->spec.config;

	for (size_t i = 0; i < s->templates.n; i++)
		if (strcmp(s->templates.items[i].name, file) == 0)
			return 1;
	return 0;
}

/* Another than any before, also of a Secret of the name that was deleted: by the clock. */
static void put_mark(const struct unit_run *k, const struct work *w, struct bw_json_build *b,
		     struct cJSON *data)
{
	bw_autobuf struct bw_buf text = { 0 };
	char mark[UNIT_CONFIG_HASH_MAX];
	int64_t n = bw_loop_real_s(k->c->loop);

	if (w->secret && mark_of(w->secret, mark)) {
		int64_t was = strtoll(mark + strlen(UNIT_HASH_SECRET), NULL, 10);

		if (was >= n && was < INT64_MAX)
			n = was + 1;
	}
	(void)snprintf(mark, sizeof(mark), UNIT_HASH_SECRET "%lld", (long long)n); /* fits */
	if (bw_kube_base64_encode(mark, strlen(mark), &text) < 0)
		b->failed = 1;
	else
		bw_json_put_str(b, data, UNIT_CONFIG_MARK, text.data);
}

static void put_data(const struct unit_run *k, const struct work *w, struct bw_json_build *b,
		     struct cJSON *root, const struct bw_kube_pair *old, size_t n_old)
{
	struct cJSON *data = bw_json_put_object(b, root, "data");

	for (size_t i = 0; i < w->files.n; i++) {
		const char *name = k->unit->spec.config.templates.items[i].name;
		char *text = w->files.secret ? encoded(w, i) : NULL;

		if (w->files.secret && !text)
			b->failed = 1;
		else
			bw_json_put_str(b, data, name, text ? text : unit_file_text(&w->files, i));
		wipe(text);
	}
	if (w->files.secret && wants_mark(k, w))
		put_mark(k, w, b, data);
	for (size_t i = 0; i < n_old; i++)
		if (!unit_config_declares(k, old[i].key) && !bw_json_get(data, old[i].key) &&
		    !cJSON_AddNullToObject(data, old[i].key))
			b->failed = 1;
}

static void plan_write(struct unit_run *k, const struct work *w)
{
	bw_autobuild struct bw_json_build b = { 0 };
	int secret = w->files.secret;
	const struct bw_kube_kind *kind = secret ? &bw_kind_secret : &bw_kind_configmap;
	int is = (secret ? w->secret_whose : w->map_whose) == UNIT_OURS;
	struct cJSON *root;

	if (!is) {
		root = unit_put_head(k, &b, "v1", kind->kind, w->name);
		put_data(k, w, &b, root, NULL, 0);
		unit_make(k, BW_KUBE_CREATE, kind, w->name, &b);
	} else if (secret) {
		root = ctl_body_cas(&b, w->secret->meta.rv);
		put_data(k, w, &b, root, w->secret->data.items, w->secret->data.n);
		unit_make(k, BW_KUBE_MERGE, kind, w->name, &b);
	} else {
		root = ctl_body_cas(&b, w->map.meta.rv);
		put_data(k, w, &b, root, w->map.data.items, w->map.data.n);
		unit_make(k, BW_KUBE_MERGE, kind, w->name, &b);
	}
}

/* The object of the other kind goes when no pod has it: a kubelet wants what a pod mounts. */
static void tidy(struct unit_run *k, struct work *w, int keep_map, int keep_secret)
{
	const char *has = mounted(k);
	int unknown = k->pod_state == UNIT_POD_UNSEEN;

	if (k->unit->spec.maintenance || unknown)
		return;
	if (!keep_map && w->map_whose == UNIT_OURS && !w->map.meta.deleting &&
	    (!has || is_of_secret(has)))
		unit_unmake(k, &bw_kind_configmap, &w->map.meta);
	if (!keep_secret && w->secret_whose == UNIT_OURS && !w->secret->meta.deleting &&
	    !is_of_secret(has)) {
		unit_unmake(k, &bw_kind_secret, &w->secret->meta);
		w->unmade = 1;
	}
}

/* THE STEP */

static void invalid(struct unit_run *k, const char *why)
{
	unit_warn(k, INVALID, 1, INVALID, why);
}

static void deliver(struct unit_run *k, struct work *w)
{
	int secret = w->files.secret;
	const struct bw_kube_kind *kind = secret ? &bw_kind_secret : &bw_kind_configmap;
	enum unit_whose whose = secret ? w->secret_whose : w->map_whose;
	int deleting =
		whose == UNIT_OURS && (secret ? w->secret->meta.deleting : w->map.meta.deleting);
	const struct unit_refusal *refused = unit_refused(k, kind, w->name);

	if (unit_say_foreign(k, FOREIGN, kind->kind, w->name, whose, refused))
		return;
	bw_kube_conds_clear(&k->conds, FOREIGN);
	if (secret ? secret_is_right(k, w) : map_is_right(k, w)) {
		k->config = (struct unit_config){ .there = 1, .settled = 1, .secret = secret != 0 };
		if (secret)
			hash_secret(w->secret, k->config.hash);
		else
			hash_map(&w->map, k->config.hash);
		tidy(k, w, !secret, secret);
		return;
	}
	if (k->unit->spec.maintenance || deleting)
		return;
	/* The status knows of it before it is there: nobody else would find it after a crash. */
	if (secret && whose == UNIT_NOBODYS && !unit_config_secret_of(said_of(k))) {
		k->config = (struct unit_config){ .secret = 1, .hash = UNIT_HASH_SECRET };
		return;
	}
	plan_write(k, w);
	k->config = (struct unit_config){ .secret = secret != 0 };
	if (!secret)
		hash_files(w, k, k->config.hash);
}

static void follow(struct unit_run *k, struct work *w)
{
	struct bw_err bad = { 0 };
	int r = 0;

	unit_config_object(k, w->name);
	if (k->unit->spec.has_config)
		r = unit_files_render(k, &w->files, &bad);
	if (r == -ENOMEM) {
		(void)bw_plan_alloc(k->plan, SIZE_MAX); /* fails the plan */
		return;
	}
	look_at_map(k, w);
	if (!look_at_secret(k, w) || r == -EAGAIN)
		return; /* the plan reads, and comes again */
	take_what_is_there(k, w);
	if (!k->unit->spec.has_config) {
		k->config = (struct unit_config){ 0 };
		bw_kube_conds_clear(&k->conds, INVALID);
		bw_kube_conds_clear(&k->conds, FOREIGN);
		tidy(k, w, 0, 0);
		return;
	}
	if (r < 0) {
		invalid(k, bad.msg);
		return;
	}
	bw_kube_conds_clear(&k->conds, INVALID);
	/* Addresses are in the files: without them there are none. */
	if (k->claim_state == UNIT_CLAIM_BOUND && !k->invalid)
		deliver(k, w);
}

void unit_config(struct unit_run *k)
{
	BW_CLEANUP(work_done) struct work w = { 0 };

	follow(k, &w);
	k->config.left =
		w.hidden || (w.secret_whose == UNIT_OURS && !w.unmade && !k->config.secret);
}

int unit_config_lacks(const struct unit_run *k)
{
	return k->unit->spec.has_config && !k->config.there;
}

int unit_config_waits(struct unit_run *k)
{
	const struct bw_kube_cond *bad = bw_kube_conds_get(&k->conds, INVALID);

	if (!unit_config_lacks(k))
		return 0;
	if (!bad)
		bad = bw_kube_conds_get(&k->conds, FOREIGN);
	k->failed |= bad != NULL;
	if (bad)
		unit_wait(k, bad->type, "%s", bad->message);
	else
		unit_wait(k, "ConfigPending", "waits for its files to be written");
	return 1;
}

const char *unit_config_delivered(const struct unit_run *k)
{
	const struct bw_db_unit_status *s = &k->unit->status;
	const char *began = mounted(k);

	if (began && s->has_config && s->config.delivered && s->pod_uid &&
	    strcmp(s->pod_uid, k->pod.meta.uid) == 0)
		return s->config.delivered;
	return began;
}

int unit_config_is_elsewhere(const struct unit_run *k)
{
	return mounted(k) && is_of_secret(mounted(k)) != !!k->config.secret;
}

int unit_config_restarts(const struct unit_run *k)
{
	const char *has = unit_config_delivered(k);

	return k->unit->spec.has_config && k->config.settled &&
	       k->unit->spec.config.on_change == BW_DB_UNIT_CONFIG_ON_CHANGE_RESTART && has &&
	       strcmp(has, k->config.hash) != 0;
}
