/* SPDX-License-Identifier: Apache-2.0 */
/* Where a value stands in its document, and refusals that say so. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/err.h>
#include <bw/json.h>

#define GOT_MAX 96 /* bytes of a refused value in a message */
#define REASON_MAX 320 /* bytes of the text after the path */
#define PATH_LEVELS_MAX (BW_JSON_DEPTH_MAX + 1)

const char *bw_json_path_str(const struct bw_json_path *path, char out[BW_JSON_PATH_STR_MAX])
{
	const struct bw_json_path *levels[PATH_LEVELS_MAX];
	size_t n = 0, used = 0;

	for (; path && n < PATH_LEVELS_MAX; path = path->up)
		levels[n++] = path;
	out[0] = '\0';
	while (n > 0 && used < BW_JSON_PATH_STR_MAX - 1) {
		const struct bw_json_path *at = levels[--n];
		int len;

		if (at->key)
			len = snprintf(out + used, BW_JSON_PATH_STR_MAX - used, "%s%s",
				       used ? "." : "", at->key);
		else
			len = snprintf(out + used, BW_JSON_PATH_STR_MAX - used, "[%zu]", at->index);
		used += len > 0 ? (size_t)len : 0;
	}
	if (!out[0])
		(void)snprintf(out, BW_JSON_PATH_STR_MAX, "document"); /* always fits, ignoring */
	return out;
}

/* A string in quotes, cut and without control characters: it ends up in a log line. */
static void print_string(const char *s, char out[GOT_MAX])
{
	size_t n = 0;

	out[n++] = '"';
	for (; *s && n < GOT_MAX - 5; s++)
		out[n++] = (char)((unsigned char)*s < ' ' || *s == 0x7f ? '?' : *s);
	/* No half character: the rest of it, then its first byte. */
	while (((unsigned char)*s & 0xc0) == 0x80 && ((unsigned char)out[n - 1] & 0xc0) == 0x80)
		n--;
	n -= ((unsigned char)*s & 0xc0) == 0x80;
	memcpy(out + n, *s ? "...\"" : "\"", *s ? 5 : 2);
}

static void print_value(const struct cJSON *json, char out[GOT_MAX])
{
	const char *word = "an unknown value";

	if (cJSON_IsString(json)) {
		print_string(json->valuestring, out);
		return;
	}
	if (cJSON_IsNumber(json)) {
		/* a cut number still helps, ignoring */
		(void)snprintf(out, GOT_MAX, "%.17g", json->valuedouble);
		return;
	}
	if (!json)
		word = "nothing";
	else if (cJSON_IsBool(json))
		word = cJSON_IsTrue(json) ? "true" : "false";
	else if (cJSON_IsNull(json))
		word = "null";
	else if (cJSON_IsArray(json))
		word = cJSON_GetArraySize(json) ? "a list" : "an empty list";
	else if (cJSON_IsObject(json))
		word = "an object";
	(void)snprintf(out, GOT_MAX, "%s", word); /* always fits, ignoring */
}

int bw_json_expect(const struct cJSON *json, const struct bw_json_path *path, struct bw_err *err,
		   const char *fmt, ...)
{
	char reason[REASON_MAX], at[BW_JSON_PATH_STR_MAX], got[GOT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(reason, sizeof(reason), fmt, ap); /* a cut text still helps, ignoring */
	va_end(ap);
	print_value(json, got);
	return bw_reject(err, BW_ERR_INVALID, EINVAL, "%s: expected %s, got %s",
			 bw_json_path_str(path, at), reason, got);
}

int bw_json_refuse(const struct bw_json_path *path, struct bw_err *err, const char *fmt, ...)
{
	char reason[REASON_MAX], at[BW_JSON_PATH_STR_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(reason, sizeof(reason), fmt, ap); /* a cut text still helps, ignoring */
	va_end(ap);
	return bw_reject(err, BW_ERR_INVALID, EINVAL, "%s: %s", bw_json_path_str(path, at), reason);
}
