/* SPDX-License-Identifier: Apache-2.0 */
/* The model server's storage: names, versions, the log, compaction and restore. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/loop.h>

#include "store_impl.h"

#define FIRST_RV 10000 /* five digits for the whole of a run: texts keep their length */

void *sim_alloc(size_t size)
{
	void *p = calloc(1, size);

	if (!p)
		abort();
	return p;
}

void *sim_realloc(void *p, size_t size)
{
	p = realloc(p, size);
	if (!p)
		abort();
	return p;
}

char *sim_strdup(const char *s)
{
	char *copy = strdup(s);

	if (!copy)
		abort();
	return copy;
}

void sim_reply_status(struct sim_reply *r, int http, const char *reason, const char *fmt, ...)
{
	va_list ap;

	*r = (struct sim_reply){ .http = http, .reason = reason };
	va_start(ap, fmt);
	(void)vsnprintf(r->message, sizeof(r->message), fmt, ap); /* long texts are cut */
	va_end(ap);
}

const char *sim_text_at(const struct cJSON *tree, const char *path)
{
	char member[64];
	const char *end;

	for (; tree && *path; path = *end ? end + 1 : end) {
		end = strchr(path, '.');
		if (!end)
			end = path + strlen(path);
		(void)snprintf(member, sizeof(member), "%.*s", (int)(end - path), path);
		tree = cJSON_GetObjectItemCaseSensitive(tree, member);
	}
	return tree && cJSON_IsString(tree) ? tree->valuestring : "";
}

const char *sim_meta(const struct cJSON *tree, const char *member)
{
	const struct cJSON *m = cJSON_GetObjectItemCaseSensitive(tree, "metadata");
	const struct cJSON *v = cJSON_GetObjectItemCaseSensitive(m, member);

	return cJSON_IsString(v) ? v->valuestring : "";
}

struct sim_store *sim_store_new(struct bw_loop *loop)
{
	struct sim_store *s = sim_alloc(sizeof(*s));

	s->loop = loop;
	s->start_ns = bw_loop_now_ns(loop);
	s->start_real_s = bw_loop_real_s(loop);
	s->rv = FIRST_RV;
	s->by = "";
	return s;
}

static void version_free(struct sim_version *v)
{
	free(v->text);
	free(v->field);
	cJSON_Delete(v->labels);
	free(v);
}

static void key_free(struct sim_key *key)
{
	cJSON_Delete(key->tree);
	free(key->namespace);
	free(key->name);
	free(key->fact);
	free(key);
}

void sim_store_free(struct sim_store **s)
{
	if (!*s)
		return;
	for (size_t i = 0; i < (*s)->log_n; i++)
		version_free((*s)->log[i]);
	for (size_t i = 0; i < (*s)->dropped_n; i++)
		version_free((*s)->dropped[i]);
	for (size_t k = 0; k < SIM_KIND_MAX_; k++) {
		for (size_t i = 0; i < (*s)->keys_n[k]; i++)
			key_free((*s)->keys[k][i]);
		free((*s)->keys[k]);
	}
	free((*s)->log);
	free((*s)->dropped);
	free(*s);
	*s = NULL;
}

void sim_store_on_commit(struct sim_store *s, sim_commit_fn fn, void *arg)
{
	s->on_commit = fn;
	s->on_commit_arg = arg;
}

void sim_store_by(struct sim_store *s, const char *who)
{
	s->by = who;
}

struct sim_key *sim_key_find(struct sim_store *s, const struct sim_kind *kind,
			     const char *namespace, const char *name, int make)
{
	size_t k = (size_t)(kind - sim_kinds), lo = 0, hi = s->keys_n[k];
	struct sim_key *key;

	namespace = namespace ? namespace : "";
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = strcmp(s->keys[k][mid]->namespace, namespace);

		c = c ? c : strcmp(s->keys[k][mid]->name, name);
		if (!c)
			return s->keys[k][mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!make)
		return NULL;
	key = sim_alloc(sizeof(*key));
	key->kind = kind;
	key->namespace = sim_strdup(namespace);
	key->name = sim_strdup(name);
	s->keys[k] = sim_realloc(s->keys[k], (s->keys_n[k] + 1) * sizeof(struct sim_key *));
	memmove(&s->keys[k][lo + 1], &s->keys[k][lo],
		(s->keys_n[k] - lo) * sizeof(struct sim_key *));
	s->keys[k][lo] = key;
	s->keys_n[k]++;
	return key;
}

static void push(struct sim_version ***list, size_t *n, size_t *cap, struct sim_version *v)
{
	if (*n == *cap) {
		*cap = *cap ? *cap * 2 : 256;
		*list = sim_realloc(*list, *cap * sizeof(struct sim_version *));
	}
	(*list)[(*n)++] = v;
}

const struct sim_version *sim_commit(struct sim_store *s, struct sim_key *key, struct cJSON *tree,
				     int deleted)
{
	struct sim_version *v = sim_alloc(sizeof(*v));
	struct cJSON *meta = cJSON_GetObjectItemCaseSensitive(tree, "metadata");
	const struct cJSON *labels = cJSON_GetObjectItemCaseSensitive(meta, "labels");
	char rv[24];

	v->rv = ++s->rv;
	(void)snprintf(rv, sizeof(rv), "%llu", (unsigned long long)v->rv);
	cJSON_DeleteItemFromObjectCaseSensitive(meta, "resourceVersion");
	cJSON_AddStringToObject(meta, "resourceVersion", rv);
	v->key = key;
	v->prev = key->last;
	v->at_ns = bw_loop_now_ns(s->loop);
	v->deleted = deleted != 0;
	v->text = cJSON_PrintUnformatted(tree);
	if (!v->text)
		abort();
	v->size = strlen(v->text);
	v->field = sim_strdup(key->kind->field ? sim_text_at(tree, key->kind->field) : "");
	v->labels = labels ? cJSON_Duplicate(labels, 1) : NULL;
	if (key->tree != tree)
		cJSON_Delete(key->tree);
	key->tree = deleted ? NULL : tree;
	if (deleted)
		cJSON_Delete(tree);
	key->last = v;
	push(&s->log, &s->log_n, &s->log_cap, v);
	if (s->on_commit)
		s->on_commit(v, s->by, s->on_commit_arg);
	return v;
}

const struct cJSON *sim_store_tree(const struct sim_store *s, enum sim_kind_id kind,
				   const char *namespace, const char *name)
{
	/* Nothing is made when it is not asked for, so the cast is harmless. */
	const struct sim_key *key =
		sim_key_find((struct sim_store *)s, &sim_kinds[kind], namespace, name, 0);

	return key ? key->tree : NULL;
}

struct sim_key *const *sim_store_keys(const struct sim_store *s, const struct sim_kind *kind,
				      size_t *ret_n)
{
	size_t k = (size_t)(kind - sim_kinds);

	*ret_n = s->keys_n[k];
	return s->keys[k];
}

const struct sim_version *sim_version_at(const struct sim_key *key, uint64_t rv)
{
	const struct sim_version *v = key->last;

	while (v && v->rv > rv)
		v = v->prev;
	return v && !v->deleted ? v : NULL;
}

uint64_t sim_store_rv(const struct sim_store *s)
{
	return s->rv;
}

const struct sim_version *sim_store_log(const struct sim_store *s, size_t i)
{
	return s->log[i];
}

size_t sim_store_log_size(const struct sim_store *s)
{
	return s->log_n;
}

size_t sim_store_log_after(const struct sim_store *s, uint64_t rv)
{
	size_t lo = 0, hi = s->log_n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (s->log[mid]->rv <= rv)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void sim_store_compact(struct sim_store *s, uint64_t rv)
{
	if (rv > s->compacted)
		s->compacted = rv;
}

uint64_t sim_store_compacted(const struct sim_store *s)
{
	return s->compacted;
}

static void key_restore(struct sim_key *key, uint64_t rv)
{
	while (key->last && key->last->rv > rv)
		key->last = key->last->prev;
	cJSON_Delete(key->tree);
	key->tree = key->last && !key->last->deleted ? cJSON_Parse(key->last->text) : NULL;
}

void sim_store_restore(struct sim_store *s, uint64_t rv, uint64_t bump)
{
	for (size_t k = 0; k < SIM_KIND_MAX_; k++)
		for (size_t i = 0; i < s->keys_n[k]; i++)
			if (s->keys[k][i]->last && s->keys[k][i]->last->rv > rv)
				key_restore(s->keys[k][i], rv);
	while (s->log_n && s->log[s->log_n - 1]->rv > rv)
		push(&s->dropped, &s->dropped_n, &s->dropped_cap, s->log[--s->log_n]);
	s->rv = rv + bump;
	if (s->compacted > s->rv)
		s->compacted = s->rv;
}
