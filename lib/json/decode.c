/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interpreter of field tables: one function per type, one loop over an object's keys.
 * Lenient decoding is the same walk that notes a bad value and goes on.
 */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>

#include <bw/err.h>
#include <bw/ip.h>
#include <bw/json.h>

#define FIELDS_MAX 64 /* one bit each in a uint64_t */

struct ctx {
	int lenient;
	int skipped;
	struct bw_err *err;
};

typedef int (*value_fn)(const struct bw_json_field *f, const struct cJSON *json,
			const struct bw_json_path *at, void *member, struct ctx *ctx);

static int decode_value(const struct bw_json_field *f, const struct cJSON *json,
			const struct bw_json_path *at, void *member, struct ctx *ctx);
static int decode_object(const struct bw_json_table *table, const struct cJSON *json,
			 const struct bw_json_path *at, void *out, struct ctx *ctx);
static void value_done(const struct bw_json_field *f, void *member);

/* In lenient mode a refusal is counted and swallowed; its text is kept when it is the first. */
static int settle(struct ctx *ctx, int r)
{
	if (r >= 0 || r == -ENOMEM || !ctx->lenient)
		return r;
	ctx->skipped++;
	ctx->err = NULL;
	return 1;
}

static void store(void *member, size_t size, int64_t value)
{
	uint8_t v8 = (uint8_t)value;
	uint16_t v16 = (uint16_t)value;
	uint32_t v32 = (uint32_t)value;

	assert(size == 1 || size == 2 || size == 4 || size == 8);
	if (size == 1)
		memcpy(member, &v8, size);
	else if (size == 2)
		memcpy(member, &v16, size);
	else if (size == 4)
		memcpy(member, &v32, size);
	else
		memcpy(member, &value, size);
}

static int decode_bool(const struct bw_json_field *f, const struct cJSON *json,
		       const struct bw_json_path *at, void *member, struct ctx *ctx)
{
	if (!cJSON_IsBool(json))
		return bw_json_expect(json, at, ctx->err, "%s",
				      f->expected ? f->expected : "true or false");
	store(member, f->size, cJSON_IsTrue(json));
	return 0;
}

static int decode_int(const struct bw_json_field *f, const struct cJSON *json,
		      const struct bw_json_path *at, void *member, struct ctx *ctx)
{
	double value = cJSON_IsNumber(json) ? json->valuedouble : (double)NAN;

	assert(f->min < f->max && f->min >= -BW_JSON_INT_MAX && f->max <= BW_JSON_INT_MAX);
	/* NAN fails every comparison */
	if (!(value >= (double)f->min && value <= (double)f->max) ||
	    (double)(int64_t)value != value) {
		if (f->expected)
			return bw_json_expect(json, at, ctx->err, "%s", f->expected);
		return bw_json_expect(json, at, ctx->err, "an integer from %lld to %lld",
				      (long long)f->min, (long long)f->max);
	}
	store(member, f->size, (int64_t)value);
	return 0;
}

static int decode_enum(const struct bw_json_field *f, const struct cJSON *json,
		       const struct bw_json_path *at, void *member, struct ctx *ctx)
{
	const char *text = cJSON_GetStringValue(json);
	char list[256] = "";
	size_t used = 0;

	for (const struct bw_json_enum *e = f->names; e->name; e++) {
		int n;

		if (text && strcmp(text, e->name) == 0) {
			store(member, f->size, e->value);
			return 0;
		}
		n = snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "", e->name);
		used += n > 0 && (size_t)n < sizeof(list) - used ? (size_t)n : 0;
	}
	if (f->expected)
		return bw_json_expect(json, at, ctx->err, "%s", f->expected);
	return bw_json_expect(json, at, ctx->err, "one of %s", list);
}

static int check_str(const struct bw_json_field *f, const struct cJSON *json,
		     const struct bw_json_path *at, struct ctx *ctx)
{
	const char *text = cJSON_GetStringValue(json);
	size_t max = f->max ? (size_t)f->max : BW_JSON_STR_MAX;
	size_t len = text ? strlen(text) : 0;

	if (text && len >= (size_t)f->min && len <= max)
		return 0;
	if (f->expected)
		return bw_json_expect(json, at, ctx->err, "%s", f->expected);
	if (!text && !f->min && !f->max)
		return bw_json_expect(json, at, ctx->err, "a string");
	return bw_json_expect(json, at, ctx->err, "a string of %lld to %zu characters",
			      (long long)f->min, max);
}

static int decode_str(const struct bw_json_field *f, const struct cJSON *json,
		      const struct bw_json_path *at, void *member, struct ctx *ctx)
{
	int r = check_str(f, json, at, ctx);

	if (r < 0)
		return r;
	*(const char **)member = json->valuestring;
	return 0;
}

static int decode_strdup(const struct bw_json_field *f, const struct cJSON *json,
			 const struct bw_json_path *at, void *member, struct ctx *ctx)
{
	char **ret = member;
	char *copy;
	int r = check_str(f, json, at, ctx);

	if (r < 0)
		return r;
	copy = strdup(json->valuestring);
	if (!copy)
		return bw_fail(ctx->err, ENOMEM, "copy a string");
	free(*ret);
	*ret = copy;
	return 0;
}

static int decode_ip(const struct bw_json_field *f, const struct cJSON *json,
		     const struct bw_json_path *at, void *member, struct ctx *ctx)
{
	const char *text = cJSON_GetStringValue(json);

	if (!text || bw_ip_parse(text, member) < 0)
		return bw_json_expect(json, at, ctx->err, "%s",
				      f->expected ? f->expected
						  : "an address such as 10.1.0.7 or fd00::7");
	return 0;
}

static int decode_prefix(const struct bw_json_field *f, const struct cJSON *json,
			 const struct bw_json_path *at, void *member, struct ctx *ctx)
{
	const char *text = cJSON_GetStringValue(json);

	if (!text || bw_prefix_parse(text, member) < 0)
		return bw_json_expect(json, at, ctx->err, "%s",
				      f->expected
					      ? f->expected
					      : "an address with its prefix such as 10.1.0.7/24");
	return 0;
}

static int decode_subnet(const struct bw_json_field *f, const struct cJSON *json,
			 const struct bw_json_path *at, void *member, struct ctx *ctx)
{
	const char *text = cJSON_GetStringValue(json);
	char net[BW_PREFIX_STR_MAX];
	struct bw_prefix p;

	if (!text || bw_prefix_parse(text, &p) < 0)
		return bw_json_expect(json, at, ctx->err, "%s",
				      f->expected ? f->expected
						  : "a subnet such as 10.1.0.0/24 or fd00::/64");
	if (bw_prefix_has_host_bits(&p)) {
		struct bw_prefix first = { bw_prefix_first(&p), p.len };

		return bw_json_expect(json, at, ctx->err, "a subnet without host bits, which is %s",
				      bw_prefix_str(&first, net));
	}
	*(struct bw_prefix *)member = p;
	return 0;
}

static int decode_mac(const struct bw_json_field *f, const struct cJSON *json,
		      const struct bw_json_path *at, void *member, struct ctx *ctx)
{
	const char *text = cJSON_GetStringValue(json);
	struct bw_mac mac;

	if (!text || bw_mac_parse(text, &mac) < 0 || bw_mac_is_zero(&mac) ||
	    bw_mac_is_multicast(&mac))
		return bw_json_expect(json, at, ctx->err, "%s",
				      f->expected ? f->expected
						  : "a unicast MAC such as 02:00:0a:01:00:07");
	*(struct bw_mac *)member = mac;
	return 0;
}

static int decode_nested(const struct bw_json_field *f, const struct cJSON *json,
			 const struct bw_json_path *at, void *member, struct ctx *ctx)
{
	if (!cJSON_IsObject(json) && f->expected)
		return bw_json_expect(json, at, ctx->err, "%s", f->expected);
	return decode_object(f->table, json, at, member, ctx);
}

static void list_done(const struct bw_json_field *item, struct bw_json_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		value_done(item, (char *)list->items + i * item->size);
	free(list->items);
	*list = (struct bw_json_list){ 0 };
}

/* Fills @list, which has room for every item; on failure the caller frees what it holds. */
static int decode_items(const struct bw_json_field *item, const struct cJSON *first,
			const struct bw_json_path *up, struct bw_json_list *list, struct ctx *ctx)
{
	struct bw_json_path at = { .up = up };

	for (const struct cJSON *json = first; json; json = json->next, at.index++) {
		void *member = (char *)list->items + list->n * item->size;
		int r = settle(ctx, decode_value(item, json, &at, member, ctx));

		if (r != 0) {
			value_done(item, member);
			memset(member, 0, item->size);
		}
		if (r < 0)
			return r;
		list->n += r == 0;
	}
	return 0;
}

static int decode_array(const struct bw_json_field *f, const struct cJSON *json,
			const struct bw_json_path *at, void *member, struct ctx *ctx)
{
	size_t max = f->max ? (size_t)f->max : BW_JSON_ITEMS_MAX;
	struct bw_json_list *ret = member;
	struct bw_json_list list = { 0 };
	size_t n;
	int r;

	assert(f->size == sizeof(list) && f->item && f->item->size > 0);
	if ((f->flags & BW_JSON_F_ONE) && !cJSON_IsArray(json)) {
		struct bw_json_list one = { .items = calloc(1, f->item->size), .n = 1 };

		if (!one.items)
			return bw_fail(ctx->err, ENOMEM, "read a list");
		r = decode_value(f->item, json, at, one.items, ctx);
		list_done(f->item, r < 0 ? &one : ret);
		if (r == 0)
			*ret = one;
		return r;
	}
	n = cJSON_IsArray(json) ? (size_t)cJSON_GetArraySize(json) : SIZE_MAX;
	if (n > max || n < (size_t)f->min) {
		if (f->expected)
			return bw_json_expect(json, at, ctx->err, "%s", f->expected);
		if (n == SIZE_MAX)
			return bw_json_expect(json, at, ctx->err, "a list");
		return bw_json_refuse(at, ctx->err, "expected a list of %lld to %zu items, got %zu",
				      (long long)f->min, max, n);
	}
	list.items = calloc(n ? n : 1, f->item->size);
	if (!list.items)
		return bw_fail(ctx->err, ENOMEM, "read a list of %zu items", n);
	r = decode_items(f->item, json->child, at, &list, ctx);
	list_done(f->item, r < 0 ? &list : ret);
	if (r == 0)
		*ret = list;
	return r;
}

static int decode_tree(const struct bw_json_field *f, const struct cJSON *json,
		       const struct bw_json_path *at, void *member, struct ctx *ctx)
{
	(void)f;
	(void)at;
	(void)ctx;
	*(const struct cJSON **)member = json;
	return 0;
}

static int decode_custom(const struct bw_json_field *f, const struct cJSON *json,
			 const struct bw_json_path *at, void *member, struct ctx *ctx)
{
	return f->decode(json, at, member, ctx->err);
}

static const struct {
	value_fn decode;
	size_t size; /* the member must have; 0 = any */
} types[] = {
	[BW_JSON_BOOL] = { decode_bool, 0 },
	[BW_JSON_INT] = { decode_int, 0 },
	[BW_JSON_ENUM] = { decode_enum, 0 },
	[BW_JSON_STR] = { decode_str, sizeof(char *) },
	[BW_JSON_STRDUP] = { decode_strdup, sizeof(char *) },
	[BW_JSON_IP] = { decode_ip, sizeof(struct bw_ip) },
	[BW_JSON_PREFIX] = { decode_prefix, sizeof(struct bw_prefix) },
	[BW_JSON_SUBNET] = { decode_subnet, sizeof(struct bw_prefix) },
	[BW_JSON_MAC] = { decode_mac, sizeof(struct bw_mac) },
	[BW_JSON_OBJECT] = { decode_nested, 0 },
	[BW_JSON_ARRAY] = { decode_array, sizeof(struct bw_json_list) },
	[BW_JSON_TREE] = { decode_tree, sizeof(struct cJSON *) },
	[BW_JSON_CUSTOM] = { decode_custom, 0 },
};
static_assert(BW_ARRAY_SIZE(types) == BW_JSON_MAX_, "a type without a decoder");

#define SAVED_MAX 64 /* bytes of a member that can be put back; larger ones are structs */

static int decode_value(const struct bw_json_field *f, const struct cJSON *json,
			const struct bw_json_path *at, void *member, struct ctx *ctx)
{
	char saved[SAVED_MAX];
	size_t n = f->size <= sizeof(saved) ? f->size : 0;
	int r;

	assert(!types[f->type].size || types[f->type].size == f->size);
	memcpy(saved, member, n);
	r = types[f->type].decode(f, json, at, member, ctx);
	if (r != 0 || !f->check)
		return r;
	r = f->check(json, at, member, ctx->err);
	if (r < 0 && (f->type == BW_JSON_STRDUP || f->type == BW_JSON_ARRAY))
		value_done(f, member); /* what it held before is gone already */
	else if (r < 0)
		memcpy(member, saved, n);
	return r;
}

static void value_done(const struct bw_json_field *f, void *member)
{
	if (f->type == BW_JSON_STRDUP) {
		free(*(char **)member);
		*(char **)member = NULL;
	} else if (f->type == BW_JSON_OBJECT) {
		bw_json_done(f->table, member);
	} else if (f->type == BW_JSON_ARRAY) {
		list_done(f->item, member);
	} else if (f->type == BW_JSON_CUSTOM && f->done) {
		f->done(member);
	}
}

static const struct bw_json_field *find_field(const struct bw_json_table *table, const char *key)
{
	/* ASCII names: the locale is never set, so strcasecmp() is exact. */
	int (*cmp)(const char *, const char *) = table->any_case ? strcasecmp : strcmp;

	for (size_t i = 0; i < table->n; i++)
		if (cmp(table->fields[i].name, key) == 0)
			return &table->fields[i];
	return NULL;
}

/* One key of an object that its table knows. */
static int decode_member(const struct bw_json_field *f, const struct cJSON *json,
			 const struct bw_json_path *at, char *out, struct ctx *ctx)
{
	int r = settle(ctx, decode_value(f, json, at, out + f->offset, ctx));

	if (r == 0 && f->has_offset)
		*(uint8_t *)(out + f->has_offset - 1) = 1;
	return r;
}

static int check_required(const struct bw_json_table *table, uint64_t have,
			  const struct bw_json_path *up, struct ctx *ctx)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct bw_json_field *f = &table->fields[i];
		struct bw_json_path at = { .up = up, .key = f->name };

		if (!(f->flags & BW_JSON_F_REQUIRED) || (have >> i & 1))
			continue;
		if (f->expected)
			return bw_json_refuse(&at, ctx->err, "missing, expected %s", f->expected);
		return bw_json_refuse(&at, ctx->err, "missing, but it is required");
	}
	return 0;
}

static int decode_object(const struct bw_json_table *table, const struct cJSON *json,
			 const struct bw_json_path *up, void *out, struct ctx *ctx)
{
	uint64_t seen = 0, have = 0;

	assert(table->n <= FIELDS_MAX);
	if (!cJSON_IsObject(json))
		return bw_json_expect(json, up, ctx->err, "an object");
	if (table->init)
		table->init(out);
	for (const struct cJSON *child = json->child; child; child = child->next) {
		const struct bw_json_field *f = find_field(table, child->string);
		struct bw_json_path at = { .up = up, .key = child->string };
		uint64_t bit;
		int r;

		if (!f || cJSON_IsNull(child))
			continue;
		bit = 1ULL << (f - table->fields);
		if (seen & bit)
			r = settle(ctx, bw_json_refuse(&at, ctx->err, "the key is given twice"));
		else
			r = decode_member(f, child, &at, out, ctx);
		if (r < 0)
			return r;
		seen |= bit;
		have |= r == 0 ? bit : 0;
	}
	return check_required(table, have, up, ctx);
}

int bw_json_decode(const struct cJSON *json, const struct bw_json_table *table,
		   const struct bw_json_path *at, void *out, struct bw_err *err)
{
	struct ctx ctx = { .err = err };

	return decode_object(table, json, at, out, &ctx);
}

int bw_json_decode_lenient(const struct cJSON *json, const struct bw_json_table *table,
			   const struct bw_json_path *at, void *out, struct bw_err *err)
{
	struct ctx ctx = { .lenient = 1, .err = err };
	int r = settle(&ctx, decode_object(table, json, at, out, &ctx));

	return r < 0 ? r : ctx.skipped;
}

void bw_json_done(const struct bw_json_table *table, void *out)
{
	if (!out)
		return;
	for (size_t i = 0; i < table->n; i++)
		value_done(&table->fields[i], (char *)out + table->fields[i].offset);
}
