/* SPDX-License-Identifier: Apache-2.0 */
/* Trees in and out of text, and the builder that remembers a failed allocation. */
#include <inttypes.h>
#include <stdio.h>

#include <cjson/cJSON.h>

#include <bw/err.h>
#include <bw/json.h>
#include <bw/utf8.h>

void bw_json_free(struct cJSON **json)
{
	if (!json || !*json)
		return;
	cJSON_Delete(*json);
	*json = NULL;
}

int bw_json_parse(const char *text, size_t size, struct cJSON **ret, struct bw_err *err)
{
	struct cJSON *json;
	int r = bw_json_scan(text, size, err);

	if (r < 0)
		return r;
	json = cJSON_ParseWithLength(text, size);
	if (!json) /* the scan has passed: only memory can be missing */
		return bw_fail(err, ENOMEM, "read a JSON document of %zu bytes", size);
	*ret = json;
	return 0;
}

int bw_json_print(const struct cJSON *json, int pretty, char **ret, struct bw_err *err)
{
	char *text = pretty ? cJSON_Print(json) : cJSON_PrintUnformatted(json);

	if (!text)
		return bw_fail(err, ENOMEM, "write a JSON document");
	*ret = text;
	return 0;
}

const struct cJSON *bw_json_get(const struct cJSON *json, const char *key)
{
	const struct cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);

	return cJSON_IsNull(item) ? NULL : item;
}

const char *bw_json_get_str(const struct cJSON *json, const char *key)
{
	return cJSON_GetStringValue(bw_json_get(json, key));
}

void bw_json_build_done(struct bw_json_build *b)
{
	if (!b)
		return;
	bw_json_free(&b->root);
	b->failed = 0;
}

/* Takes @root, NULL when it could not be made. */
static struct cJSON *set_root(struct bw_json_build *b, struct cJSON *root)
{
	b->root = root;
	b->failed |= !root;
	return root;
}

struct cJSON *bw_json_build_object(struct bw_json_build *b)
{
	return b->root || b->failed ? b->root : set_root(b, cJSON_CreateObject());
}

struct cJSON *bw_json_build_array(struct bw_json_build *b)
{
	return b->root || b->failed ? b->root : set_root(b, cJSON_CreateArray());
}

/* Takes @item. */
static struct cJSON *put(struct bw_json_build *b, struct cJSON *parent, const char *key,
			 struct cJSON *item)
{
	if (item && parent && !b->failed &&
	    (key ? cJSON_AddItemToObject(parent, key, item) : cJSON_AddItemToArray(parent, item))) {
		if (key)
			bw_utf8_mend(item->string);
		return item;
	}
	cJSON_Delete(item);
	b->failed = 1;
	return NULL;
}

struct cJSON *bw_json_put_object(struct bw_json_build *b, struct cJSON *parent, const char *key)
{
	return put(b, parent, key, cJSON_CreateObject());
}

struct cJSON *bw_json_put_array(struct bw_json_build *b, struct cJSON *parent, const char *key)
{
	return put(b, parent, key, cJSON_CreateArray());
}

void bw_json_put_str(struct bw_json_build *b, struct cJSON *parent, const char *key,
		     const char *value)
{
	struct cJSON *item = cJSON_CreateString(value);

	if (item)
		bw_utf8_mend(item->valuestring);
	(void)put(b, parent, key, item); /* remembered by the builder, ignoring */
}

/* cJSON prints a number with %1.15g, which from here on may come out as 1e+15. */
#define NUMBER_PLAIN_MAX 999999999999999LL

void bw_json_put_int(struct bw_json_build *b, struct cJSON *parent, const char *key, int64_t value)
{
	char text[24]; /* INT64_MIN has 20 characters */
	struct cJSON *item;

	(void)snprintf(text, sizeof(text), "%" PRId64, value); /* always fits, ignoring */
	if (value >= -NUMBER_PLAIN_MAX && value <= NUMBER_PLAIN_MAX)
		item = cJSON_CreateNumber((double)value);
	else
		item = cJSON_CreateRaw(text);
	(void)put(b, parent, key, item); /* remembered by the builder, ignoring */
}

void bw_json_put_uint(struct bw_json_build *b, struct cJSON *parent, const char *key,
		      uint64_t value)
{
	char text[24];

	if (value <= INT64_MAX) {
		bw_json_put_int(b, parent, key, (int64_t)value);
		return;
	}
	(void)snprintf(text, sizeof(text), "%" PRIu64, value); /* always fits, ignoring */
	(void)put(b, parent, key, cJSON_CreateRaw(text)); /* remembered by the builder, ignoring */
}

void bw_json_put_bool(struct bw_json_build *b, struct cJSON *parent, const char *key, int value)
{
	(void)put(b, parent, key,
		  cJSON_CreateBool(value)); /* remembered by the builder, ignoring */
}

void bw_json_put_tree(struct bw_json_build *b, struct cJSON *parent, const char *key,
		      const struct cJSON *value)
{
	/* remembered by the builder, ignoring */
	(void)put(b, parent, key, cJSON_Duplicate(value, 1));
}

int bw_json_build_take(struct bw_json_build *b, struct cJSON **ret, struct bw_err *err)
{
	if (b->failed || !b->root) {
		bw_json_build_done(b);
		return bw_fail(err, ENOMEM, "build a JSON document");
	}
	*ret = BW_TAKE_PTR(b->root);
	return 0;
}
