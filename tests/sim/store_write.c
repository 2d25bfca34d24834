/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs that write, as an API server carries them out. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cjson/cJSON.h>

#include <bw/loop.h>

#include "store_impl.h"

static void timestamp(const struct sim_store *s, char out[32])
{
	time_t t = (time_t)(s->start_real_s + (bw_loop_now_ns(s->loop) - s->start_ns) / 1000000000);
	struct tm tm;

	(void)gmtime_r(&t, &tm);
	(void)strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static void set_str(struct cJSON *object, const char *key, const char *value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(object, key);
	cJSON_AddStringToObject(object, key, value);
}

static struct cJSON *copy(const struct cJSON *tree)
{
	struct cJSON *c = cJSON_Duplicate(tree, 1);

	if (!c)
		abort();
	return c;
}

static struct cJSON *member(const struct cJSON *tree, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(tree, key);
}

/* RFC 7386: changes @target in place. */
static void merge_into(struct cJSON *target, const struct cJSON *patch)
{
	const struct cJSON *p;

	cJSON_ArrayForEach (p, patch) {
		struct cJSON *old = member(target, p->string);

		if (cJSON_IsNull(p)) {
			cJSON_DeleteItemFromObjectCaseSensitive(target, p->string);
			continue;
		}
		if (cJSON_IsObject(p)) {
			if (!cJSON_IsObject(old)) {
				cJSON_DeleteItemFromObjectCaseSensitive(target, p->string);
				old = cJSON_AddObjectToObject(target, p->string);
			}
			merge_into(old, p);
			continue;
		}
		cJSON_DeleteItemFromObjectCaseSensitive(target, p->string);
		cJSON_AddItemToObject(target, p->string, copy(p));
	}
}

static void not_found(struct sim_reply *r, const struct sim_kind *kind, const char *name)
{
	sim_reply_status(r, 404, "NotFound", "%s%s%s \"%s\" not found", kind->kind.plural,
			 *kind->kind.group ? "." : "", kind->kind.group, name);
}

static void conflict(struct sim_reply *r, const struct sim_kind *kind, const char *name,
		     const char *why)
{
	sim_reply_status(r, 409, "Conflict", "Operation cannot be fulfilled on %s \"%s\": %s",
			 kind->kind.plural, name, why);
}

static int refuse_broken(struct sim_reply *r, const struct sim_kind *kind, const struct cJSON *old,
			 const struct cJSON *now, const char *name)
{
	const char *why = sim_rule_broken(kind, old, now);

	if (!*why)
		return 0;
	sim_reply_status(r, 422, "Invalid", "%s \"%s\" is invalid: %s", kind->kind.kind, name, why);
	return 1;
}

static void answer(struct sim_reply *r, int http, const struct sim_version *v)
{
	*r = (struct sim_reply){ .http = http, .reason = "", .version = v };
}

void sim_store_create(struct sim_store *s, const struct sim_kind *kind, const char *namespace,
		      const struct cJSON *body, struct sim_reply *ret)
{
	const char *name = sim_meta(body, "name"), *prefix = sim_meta(body, "generateName");
	const char *ns = sim_meta(body, "namespace");
	char text[BW_KUBE_NAME_MAX + 1];
	struct sim_key *key;
	struct cJSON *tree, *meta;

	namespace = kind->kind.namespaced ? namespace : "";
	if (!member(body, "metadata") || (!*name && !*prefix) || (*ns && strcmp(ns, namespace))) {
		sim_reply_status(ret, 422, "Invalid", "name or generateName is required");
		return;
	}
	if (*sim_meta(body, "resourceVersion")) {
		sim_reply_status(ret, 500, "InternalError",
				 "resourceVersion should not be set on objects to be created");
		return;
	}
	if (!*name) {
		(void)snprintf(text, sizeof(text), "%.200s%05llu", prefix,
			       (unsigned long long)s->uids % 100000);
		name = text;
	}
	key = sim_key_find(s, kind, namespace, name, 1);
	if (key->tree) {
		sim_reply_status(ret, 409, "AlreadyExists", "%s \"%s\" already exists",
				 kind->kind.plural, name);
		return;
	}
	tree = copy(body);
	if (kind->status)
		cJSON_DeleteItemFromObjectCaseSensitive(tree, "status");
	if (refuse_broken(ret, kind, NULL, tree, name)) {
		cJSON_Delete(tree);
		return;
	}
	meta = member(tree, "metadata");
	set_str(meta, "name", key->name);
	if (*key->namespace)
		set_str(meta, "namespace", key->namespace);
	(void)snprintf(text, sizeof(text), "00000000-0000-4000-8000-%012llx",
		       (unsigned long long)++s->uids);
	set_str(meta, "uid", text);
	timestamp(s, text);
	set_str(meta, "creationTimestamp", text);
	cJSON_DeleteItemFromObjectCaseSensitive(meta, "deletionTimestamp");
	cJSON_DeleteItemFromObjectCaseSensitive(meta, "generation");
	if (kind->generation)
		cJSON_AddNumberToObject(meta, "generation", 1);
	answer(ret, 201, sim_commit(s, key, tree, 0));
}

/* The server judges an object before it looks for one of that name. */
void sim_store_try(struct sim_store *s, const struct sim_kind *kind, const char *namespace,
		   const struct cJSON *body, struct sim_reply *ret)
{
	const char *name = sim_meta(body, "name");
	const struct sim_key *key =
		sim_key_find(s, kind, kind->kind.namespaced ? namespace : "", name, 0);

	if (refuse_broken(ret, kind, NULL, body, name))
		return;
	if (key && key->tree)
		sim_reply_status(ret, 409, "AlreadyExists", "%s \"%s\" already exists",
				 kind->kind.plural, name);
	else
		sim_reply_status(ret, 201, "", "a dry run");
}

/* Whether anything but metadata (and status, where it is a subresource) differs. */
static int spec_differs(const struct sim_kind *kind, const struct cJSON *a, const struct cJSON *b)
{
	const struct cJSON *from[2] = { a, b }, *m;

	for (int i = 0; i < 2; i++)
		cJSON_ArrayForEach (m, from[i]) {
			if (!strcmp(m->string, "metadata"))
				continue;
			if (kind->status && !strcmp(m->string, "status"))
				continue;
			if (!cJSON_Compare(m, member(from[!i], m->string), 1))
				return 1;
		}
	return 0;
}

/* What a writer cannot change, whatever its body says. */
static void keep_metadata(struct cJSON *tree, const struct cJSON *old)
{
	static const char *const kept[] = { "name",
					    "namespace",
					    "uid",
					    "creationTimestamp",
					    "generation",
					    "deletionTimestamp",
					    "resourceVersion",
					    "deletionGracePeriodSeconds" };
	struct cJSON *meta = member(tree, "metadata");
	const struct cJSON *was = member(old, "metadata");

	for (size_t i = 0; i < BW_ARRAY_SIZE(kept); i++) {
		cJSON_DeleteItemFromObjectCaseSensitive(meta, kept[i]);
		if (member(was, kept[i]))
			cJSON_AddItemToObject(meta, kept[i], copy(member(was, kept[i])));
	}
}

static size_t finalizers(const struct cJSON *tree)
{
	return (size_t)cJSON_GetArraySize(member(member(tree, "metadata"), "finalizers"));
}

/* @tree is what the writer wants the object to be; taken. */
static void write_back(struct sim_store *s, struct sim_key *key, const char *sub,
		       struct cJSON *tree, struct sim_reply *ret)
{
	const struct sim_kind *kind = key->kind;
	struct cJSON *now;

	if (sub && *sub) { /* a status write changes status alone */
		now = copy(key->tree);
		cJSON_DeleteItemFromObjectCaseSensitive(now, "status");
		if (member(tree, "status"))
			cJSON_AddItemToObject(now, "status", copy(member(tree, "status")));
		cJSON_Delete(tree);
	} else {
		now = tree;
		if (kind->status) {
			cJSON_DeleteItemFromObjectCaseSensitive(now, "status");
			if (member(key->tree, "status"))
				cJSON_AddItemToObject(now, "status",
						      copy(member(key->tree, "status")));
		}
		keep_metadata(now, key->tree);
	}
	if (refuse_broken(ret, kind, key->tree, now, key->name)) {
		cJSON_Delete(now);
		return;
	}
	if (cJSON_Compare(now, key->tree, 1)) { /* nothing changes: nothing is written */
		cJSON_Delete(now);
		answer(ret, 200, key->last);
		return;
	}
	if (kind->generation && spec_differs(kind, now, key->tree)) {
		struct cJSON *g = member(member(now, "metadata"), "generation");

		cJSON_SetNumberValue(g, g->valuedouble + 1);
	}
	if (*sim_meta(now, "deletionTimestamp") && !finalizers(now) &&
	    finalizers(key->tree)) { /* the last finalizer went: so does the object */
		answer(ret, 200, sim_commit(s, key, now, 1));
		return;
	}
	answer(ret, 200, sim_commit(s, key, now, 0));
}

/* The object, if it is there and the body's preconditions hold. */
static struct sim_key *find_for_write(struct sim_store *s, const struct sim_kind *kind,
				      const char *namespace, const char *name, const char *sub,
				      const struct cJSON *body, struct sim_reply *ret)
{
	struct sim_key *key =
		sim_key_find(s, kind, kind->kind.namespaced ? namespace : "", name, 0);
	const char *rv = sim_meta(body, "resourceVersion"), *uid = sim_meta(body, "uid");

	if (sub && *sub && (!kind->status || strcmp(sub, "status")))
		key = NULL;
	if (!key || !key->tree) {
		not_found(ret, kind, name);
		return NULL;
	}
	if (*uid && strcmp(uid, sim_meta(key->tree, "uid"))) {
		conflict(ret, kind, name, "Precondition failed: UID in precondition differs");
		return NULL;
	}
	if (*rv && strcmp(rv, sim_meta(key->tree, "resourceVersion"))) {
		conflict(ret, kind, name,
			 "the object has been modified; please apply your changes to the latest "
			 "version and try again");
		return NULL;
	}
	return key;
}

void sim_store_merge(struct sim_store *s, const struct sim_kind *kind, const char *namespace,
		     const char *name, const char *subresource, const struct cJSON *patch,
		     struct sim_reply *ret)
{
	struct sim_key *key = find_for_write(s, kind, namespace, name, subresource, patch, ret);
	struct cJSON *tree;

	if (!key)
		return;
	tree = copy(key->tree);
	merge_into(tree, patch);
	write_back(s, key, subresource, tree, ret);
}

static struct cJSON *by_name(struct cJSON *list, const char *name)
{
	struct cJSON *c;

	cJSON_ArrayForEach (c, list) {
		const char *is = cJSON_GetStringValue(member(c, "name"));

		if (is && name && !strcmp(is, name))
			return c;
	}
	return NULL;
}

void sim_store_refuse_resize(struct sim_store *s, int http)
{
	s->resize_http = http;
}

void sim_store_resize(struct sim_store *s, const struct sim_kind *kind, const char *namespace,
		      const char *name, const char *subresource, const struct cJSON *patch,
		      struct sim_reply *ret)
{
	struct sim_key *key = find_for_write(s, kind, namespace, name, NULL, patch, ret);
	const struct cJSON *c;
	struct cJSON *tree;

	if (!key)
		return;
	if (strcmp(kind->kind.kind, "Pod") || !subresource || strcmp(subresource, "resize") ||
	    s->resize_http) {
		sim_reply_status(ret, s->resize_http ? s->resize_http : 404, "Refused",
				 "no resize of %s", name);
		return;
	}
	tree = copy(key->tree);
	cJSON_ArrayForEach (c, member(member(patch, "spec"), "containers")) {
		struct cJSON *to = by_name(member(member(tree, "spec"), "containers"),
					   cJSON_GetStringValue(member(c, "name")));
		struct cJSON *all = cJSON_CreateObject();

		if (to && all) {
			cJSON_AddItemToObject(all, "resources", copy(member(c, "resources")));
			merge_into(to, all);
		}
		cJSON_Delete(all);
	}
	write_back(s, key, NULL, tree, ret);
}

void sim_store_update(struct sim_store *s, const struct sim_kind *kind, const char *namespace,
		      const char *name, const char *subresource, const struct cJSON *body,
		      struct sim_reply *ret)
{
	struct sim_key *key = find_for_write(s, kind, namespace, name, subresource, body, ret);

	if (key)
		write_back(s, key, subresource, copy(body), ret);
}

/* Marks an object that waits for its finalizers, or a Pod for its kubelet. */
static void mark_deleted(struct sim_store *s, struct sim_key *key, int64_t grace_s,
			 struct sim_reply *ret)
{
	struct cJSON *tree, *meta, *g;
	char text[32];

	if (*sim_meta(key->tree, "deletionTimestamp")) {
		answer(ret, 200, key->last);
		return;
	}
	tree = copy(key->tree);
	meta = member(tree, "metadata");
	timestamp(s, text);
	set_str(meta, "deletionTimestamp", text);
	cJSON_AddNumberToObject(meta, "deletionGracePeriodSeconds", (double)grace_s);
	g = member(meta, "generation");
	if (g)
		cJSON_SetNumberValue(g, g->valuedouble + 1);
	answer(ret, 200, sim_commit(s, key, tree, 0));
}

void sim_store_delete(struct sim_store *s, const struct sim_kind *kind, const char *namespace,
		      const char *name, const struct sim_delete *opts, struct sim_reply *ret)
{
	struct sim_key *key =
		sim_key_find(s, kind, kind->kind.namespaced ? namespace : "", name, 0);
	int64_t grace_s = opts->grace_s < 0 ? 30 : opts->grace_s;

	if (!key || !key->tree) {
		not_found(ret, kind, name);
		return;
	}
	if (opts->uid && *opts->uid && strcmp(opts->uid, sim_meta(key->tree, "uid"))) {
		conflict(ret, kind, name, "the UID in the precondition does not match");
		return;
	}
	if (opts->resource_version && *opts->resource_version &&
	    strcmp(opts->resource_version, sim_meta(key->tree, "resourceVersion"))) {
		conflict(ret, kind, name, "the ResourceVersion in the precondition does not match");
		return;
	}
	if (finalizers(key->tree))
		mark_deleted(s, key, 0, ret);
	else if (kind->graceful && grace_s > 0 && *sim_text_at(key->tree, "spec.nodeName"))
		mark_deleted(s, key, grace_s, ret);
	else
		answer(ret, 200, sim_commit(s, key, copy(key->tree), 1));
}

void sim_store_get(struct sim_store *s, const struct sim_kind *kind, const char *namespace,
		   const char *name, struct sim_reply *ret)
{
	const struct sim_key *key =
		sim_key_find(s, kind, kind->kind.namespaced ? namespace : "", name, 0);

	if (!key || !key->tree)
		not_found(ret, kind, name);
	else
		answer(ret, 200, key->last);
}
