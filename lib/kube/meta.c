/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding of what every object has: metadata, conditions, label selectors. */
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/err.h>
#include <bw/kube_meta.h>

#define PAIRS_MAX 16384 /* labels or annotations; those are bounded by 256 KiB together */
#define TEXT_MAX 262144 /* bytes of one annotation: the server's bound for all of them */
#define OWNERS_MAX 1024

void bw_kube_pairs_done(void *member)
{
	struct bw_json_list *list = member;

	free(list->items);
	*list = (struct bw_json_list){ 0 };
}

int bw_kube_pairs_decode(const struct cJSON *json, const struct bw_json_path *path, void *member,
			 struct bw_err *err)
{
	struct bw_json_list *list = member;
	bw_autofree struct bw_kube_pair *pairs = NULL;
	size_t n = 0, max;

	if (!cJSON_IsObject(json))
		return bw_json_expect(json, path, err, "an object of strings");
	max = (size_t)cJSON_GetArraySize(json);
	if (max > PAIRS_MAX)
		return bw_json_refuse(path, err, "expected at most %d keys, got %zu", PAIRS_MAX,
				      max);
	pairs = calloc(max ? max : 1, sizeof(*pairs));
	if (!pairs)
		return bw_fail(err, ENOMEM, "read %zu keys", max);
	for (const cJSON *c = json->child; c; c = c->next) {
		struct bw_json_path at = { .up = path, .key = c->string };

		if (!cJSON_IsString(c))
			return bw_json_expect(c, &at, err, "a string");
		pairs[n++] = (struct bw_kube_pair){ c->string, c->valuestring };
	}
	free(list->items);
	list->items = BW_TAKE_PTR(pairs);
	list->n = n;
	return 0;
}

const char *bw_kube_pair_get(const struct bw_kube_pair *pairs, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(pairs[i].key, key) == 0)
			return pairs[i].value;
	return NULL;
}

#define PAIRS(struct_, member_, name_)                                                             \
	BW_JSON_FIELD(CUSTOM, struct_, member_, name_, .decode = bw_kube_pairs_decode,             \
		      .done = bw_kube_pairs_done)
#define INT63(struct_, member_, name_)                                                             \
	BW_JSON_FIELD(INT, struct_, member_, name_, .min = 0, .max = BW_JSON_INT_MAX)

static const struct bw_json_field owner_fields[] = {
	BW_JSON_FIELD(STR, struct bw_kube_owner, api_version, "apiVersion"),
	BW_JSON_FIELD(STR, struct bw_kube_owner, kind, "kind", .flags = BW_JSON_F_REQUIRED),
	BW_JSON_FIELD(STR, struct bw_kube_owner, name, "name", .flags = BW_JSON_F_REQUIRED),
	BW_JSON_FIELD(STR, struct bw_kube_owner, uid, "uid", .flags = BW_JSON_F_REQUIRED),
	BW_JSON_FIELD(BOOL, struct bw_kube_owner, controller, "controller"),
	BW_JSON_FIELD(BOOL, struct bw_kube_owner, block_owner_deletion, "blockOwnerDeletion"),
};
const struct bw_json_table bw_kube_owner_table = BW_JSON_TABLE(owner_fields);

static const struct bw_json_field owner_item =
	BW_JSON_ITEM(OBJECT, struct bw_kube_owner, .table = &bw_kube_owner_table);
static const struct bw_json_field str_item = BW_JSON_ITEM(STR, const char *, .max = TEXT_MAX);

static const struct bw_json_field meta_fields[] = {
	BW_JSON_FIELD(STR, struct bw_kube_meta, namespace, "namespace"),
	BW_JSON_FIELD(STR, struct bw_kube_meta, name, "name", .flags = BW_JSON_F_REQUIRED, .min = 1,
		      .max = 253),
	BW_JSON_FIELD(STR, struct bw_kube_meta, uid, "uid"),
	BW_JSON_FIELD(STR, struct bw_kube_meta, rv, "resourceVersion"),
	INT63(struct bw_kube_meta, generation, "generation"),
	BW_JSON_FIELD(STR, struct bw_kube_meta, creation_timestamp, "creationTimestamp"),
	BW_JSON_FIELD(STR, struct bw_kube_meta, deletion_timestamp, "deletionTimestamp",
		      BW_JSON_HAS(struct bw_kube_meta, deleting)),
	PAIRS(struct bw_kube_meta, labels, "labels"),
	PAIRS(struct bw_kube_meta, annotations, "annotations"),
	BW_JSON_FIELD(ARRAY, struct bw_kube_meta, owners, "ownerReferences", .item = &owner_item,
		      .max = OWNERS_MAX),
	BW_JSON_FIELD(ARRAY, struct bw_kube_meta, finalizers, "finalizers", .item = &str_item),
};

static void meta_init(void *out)
{
	struct bw_kube_meta *m = out;

	m->namespace = m->name = m->uid = m->rv = "";
}

const struct bw_json_table bw_kube_meta_table = {
	.fields = meta_fields,
	.n = BW_ARRAY_SIZE(meta_fields),
	.init = meta_init,
};

static const struct bw_json_field condition_fields[] = {
	BW_JSON_FIELD(STR, struct bw_kube_condition, type, "type", .flags = BW_JSON_F_REQUIRED),
	BW_JSON_FIELD(STR, struct bw_kube_condition, status, "status", .flags = BW_JSON_F_REQUIRED),
	BW_JSON_FIELD(STR, struct bw_kube_condition, reason, "reason"),
	BW_JSON_FIELD(STR, struct bw_kube_condition, message, "message", .max = TEXT_MAX),
	INT63(struct bw_kube_condition, observed_generation, "observedGeneration"),
	BW_JSON_FIELD(STR, struct bw_kube_condition, last_transition_time, "lastTransitionTime"),
};
const struct bw_json_table bw_kube_condition_table = BW_JSON_TABLE(condition_fields);

static const struct bw_json_field expression_fields[] = {
	BW_JSON_FIELD(STR, struct bw_kube_expression, key, "key", .flags = BW_JSON_F_REQUIRED),
	BW_JSON_FIELD(STR, struct bw_kube_expression, op, "operator", .flags = BW_JSON_F_REQUIRED),
	BW_JSON_FIELD(ARRAY, struct bw_kube_expression, values, "values", .item = &str_item),
};
const struct bw_json_table bw_kube_expression_table = BW_JSON_TABLE(expression_fields);

static const struct bw_json_field expression_item =
	BW_JSON_ITEM(OBJECT, struct bw_kube_expression, .table = &bw_kube_expression_table);

static const struct bw_json_field selector_fields[] = {
	PAIRS(struct bw_kube_selector, labels, "matchLabels"),
	BW_JSON_FIELD(ARRAY, struct bw_kube_selector, expressions, "matchExpressions",
		      .item = &expression_item),
};
const struct bw_json_table bw_kube_selector_table = BW_JSON_TABLE(selector_fields);

int bw_kube_has_finalizer(const struct bw_kube_meta *m, const char *name)
{
	for (size_t i = 0; i < m->finalizers.n; i++)
		if (strcmp(m->finalizers.items[i], name) == 0)
			return 1;
	return 0;
}

const struct bw_kube_owner *bw_kube_controller_of(const struct bw_kube_meta *m)
{
	for (size_t i = 0; i < m->owners.n; i++)
		if (m->owners.items[i].controller)
			return &m->owners.items[i];
	return NULL;
}

const struct bw_kube_condition *bw_kube_condition_get(const struct bw_kube_condition *conditions,
						      size_t n, const char *type)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(conditions[i].type, type) == 0)
			return &conditions[i];
	return NULL;
}

int bw_kube_object_decode(const char *text, size_t size, const struct bw_json_table *table,
			  struct cJSON **ret_doc, void *ret, struct bw_err *err)
{
	bw_autojson cJSON *doc = NULL;
	int r = bw_json_parse(text, size, &doc, err);

	if (r < 0)
		return r;
	r = bw_json_decode(doc, table, NULL, ret, err);
	if (r < 0) {
		bw_json_done(table, ret);
		return r;
	}
	*ret_doc = BW_TAKE_PTR(doc);
	return 0;
}
