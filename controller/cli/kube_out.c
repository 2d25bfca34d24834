/* SPDX-License-Identifier: Apache-2.0 */
/* Trees as JSON or YAML, names and ages as kubectl prints them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cjson/cJSON.h>

#include <bw/err.h>
#include <bw/json.h>
#include <bw/kube_text.h>

#include "kube_cli.h"

#define DEPTH_MAX 64

/* YAML */

/* Whether a text stands for itself without quotes: no number, no word of YAML's, no sign. */
static int is_plain(const char *s)
{
	static const char *const words[] = { "true", "false", "null", "yes", "no",
					     "on",   "off",   "y",    "n",   "nan" };
	static const char fits[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789-./_";
	static const char begins[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/";

	if (!*s || !strchr(begins, *s) || s[strspn(s, fits)])
		return 0;
	for (size_t i = 0; i < BW_ARRAY_SIZE(words); i++)
		if (strcasecmp(words[i], s) == 0)
			return 0;
	return 1;
}

/* Quoted as JSON, which is YAML, too. */
static void yaml_text(const char *s)
{
	bw_autojson struct cJSON *quoted = NULL;
	bw_autofree char *text = NULL;

	/* Nobody reads what cannot be printed, ignoring: here and below. */
	if (is_plain(s)) {
		(void)fputs(s, stdout);
		return;
	}
	quoted = cJSON_CreateString(s);
	if (quoted && bw_json_print(quoted, 0, &text, NULL) == 0)
		(void)fputs(text, stdout);
}

static void yaml_scalar(const struct cJSON *v)
{
	bw_autofree char *text = NULL;

	if (cJSON_IsString(v))
		yaml_text(v->valuestring);
	else if (cJSON_IsObject(v))
		(void)fputs("{}", stdout);
	else if (cJSON_IsArray(v))
		(void)fputs("[]", stdout);
	else if (bw_json_print(v, 0, &text, NULL) == 0)
		(void)fputs(text, stdout);
}

static void indent(int depth)
{
	(void)printf("%*s", depth * 2, "");
}

/* As kubectl: the items of a list stand below their key's first letter. */
static void yaml(const struct cJSON *v, int depth, int in_list)
{
	const struct cJSON *item;
	int first = in_list;

	cJSON_ArrayForEach (item, v) {
		int nested = item->child != NULL && depth < DEPTH_MAX;

		if (!first)
			indent(depth);
		first = 0;
		if (cJSON_IsArray(v)) {
			(void)fputs("- ", stdout);
			if (nested) {
				yaml(item, depth + 1, 1);
				continue;
			}
		} else {
			yaml_text(item->string);
			(void)putchar(':');
			if (nested) {
				(void)putchar('\n');
				yaml(item, depth + !cJSON_IsArray(item), 0);
				continue;
			}
			(void)putchar(' ');
		}
		yaml_scalar(item);
		(void)putchar('\n');
	}
}

/* TREES */

int cli_out_tree(const struct cli_kube_args *args, const struct cJSON *tree)
{
	bw_autofree char *text = NULL;
	struct bw_err err = { 0 };

	if (args->format == CLI_YAML) {
		yaml(tree, 0, 0);
		return ferror(stdout) ? CLI_FAILED : CLI_OK;
	}
	if (bw_json_print(tree, 1, &text, &err) < 0)
		return cli_fail(&err);
	return printf("%s\n", text) < 0 ? CLI_FAILED : CLI_OK;
}

int cli_out_build(const struct cli_kube_args *args, struct bw_json_build *b)
{
	bw_autojson struct cJSON *tree = NULL;
	struct bw_err err = { 0 };

	return bw_json_build_take(b, &tree, &err) < 0 ? cli_fail(&err) : cli_out_tree(args, tree);
}

static int parse(const char *text, size_t size, struct cJSON **ret, struct bw_err *err)
{
	bw_autobuf struct bw_buf thin = { 0 };
	int r = bw_kube_text_strip(text, size, &thin, err);

	return r < 0 ? r : bw_json_parse(thin.data, thin.size, ret, err);
}

int cli_out_object(const struct cli_kube_args *args, const char *text, size_t size)
{
	bw_autojson struct cJSON *tree = NULL;
	struct bw_err err = { 0 };

	return parse(text, size, &tree, &err) < 0 ? cli_fail(&err) : cli_out_tree(args, tree);
}

int cli_out_append(struct bw_json_build *b, struct cJSON *list, const char *text, size_t size,
		   struct bw_err *err)
{
	bw_autojson struct cJSON *tree = NULL;
	int r = parse(text, size, &tree, err);

	if (r == 0)
		bw_json_put_tree(b, list, NULL, tree);
	return r;
}

struct cJSON *cli_out_list(struct bw_json_build *b)
{
	struct cJSON *root = bw_json_build_object(b);

	bw_json_put_str(b, root, "apiVersion", "v1");
	bw_json_put_str(b, root, "kind", "List");
	return bw_json_put_array(b, root, "items");
}

void cli_out_name(const struct bw_kube_kind *kind, const char *name)
{
	for (const char *p = kind->kind; *p; p++)
		(void)putchar(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
	(void)printf(".%s/%s\n", kind->group, name);
}

/* TIMES */

int cli_time_parse(const char *text, int64_t *ret_s)
{
	struct tm tm = { 0 };
	const char *end = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;

	if (!end)
		return -EINVAL;
	if (*end == '.')
		end += 1 + strspn(end + 1, "0123456789");
	if (strcmp(end, "Z") != 0)
		return -EINVAL;
	*ret_s = timegm(&tm);
	return 0;
}

const char *cli_out_age(const char *since, int64_t now_s, char out[24])
{
	static const struct {
		int64_t below_s;
		int64_t unit_s;
		char unit;
	} steps[] = { { 120, 1, 's' }, { 7200, 60, 'm' }, { 172800, 3600, 'h' } };
	int64_t at_s, age_s;

	if (cli_time_parse(since, &at_s) < 0)
		return memcpy(out, "-", 2);
	age_s = now_s > at_s ? now_s - at_s : 0;
	for (size_t i = 0; i < BW_ARRAY_SIZE(steps); i++)
		if (age_s < steps[i].below_s) {
			/* fits, ignoring: here and below */
			(void)snprintf(out, 24, "%" PRId64 "%c", age_s / steps[i].unit_s,
				       steps[i].unit);
			return out;
		}
	(void)snprintf(out, 24, "%" PRId64 "d", age_s / 86400);
	return out;
}
