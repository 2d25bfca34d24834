/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a runtime asks for: the CNI_* environment and the configuration on stdin become one checked
 * value. The table below is the protocol's rules per verb.
 */
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>

#include <bw/cni_version.h>
#include <bw/err.h>
#include <bw/json.h>
#include <bw/log.h>

#include "args.h"

#define NEED_CID (1U << 0)
#define NEED_NETNS (1U << 1)
#define NEED_IFNAME (1U << 2)

/* Source: CNI specification 1.1.0, "CNI operations"; the versions are those that brought a verb. */
static const struct rule {
	const char *name;
	const char *since;
	unsigned int needs;
	int lenient; /* goes as far as it can whatever its configuration says */
} rules[] = {
	[BW_CNI_ADD] = { "ADD", "0.1.0", NEED_CID | NEED_NETNS | NEED_IFNAME, 0 },
	[BW_CNI_DEL] = { "DEL", "0.1.0", NEED_CID | NEED_IFNAME, 1 },
	[BW_CNI_CHECK] = { "CHECK", "0.4.0", NEED_CID | NEED_NETNS | NEED_IFNAME, 0 },
	[BW_CNI_GC] = { "GC", "1.1.0", 0, 0 },
	[BW_CNI_STATUS] = { "STATUS", "1.1.0", 0, 0 },
	[BW_CNI_VERSION] = { "VERSION", "0.1.0", 0, 1 },
};
static_assert(BW_ARRAY_SIZE(rules) == BW_CNI_MAX_, "a verb without rules");

const char *bw_cni_verb_str(enum bw_cni_verb verb)
{
	return (unsigned int)verb < BW_CNI_MAX_ ? rules[verb].name : "unknown";
}

/* A variable, NULL when it is not set or empty. */
static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

void bw_cni_env_read(struct bw_cni_env *ret)
{
	const char *override = variable("CNI_NETNS_OVERRIDE");

	*ret = (struct bw_cni_env){
		.command = variable("CNI_COMMAND"),
		.container_id = variable("CNI_CONTAINERID"),
		.netns = variable("CNI_NETNS"),
		.ifname = variable("CNI_IFNAME"),
		.args = variable("CNI_ARGS"),
		.path = variable("CNI_PATH"),
		.netns_override = override &&
				  (strcmp(override, "1") == 0 || strcasecmp(override, "true") == 0),
	};
}

static int given(const char *value)
{
	return value && *value;
}

static int check_missing(const struct bw_cni_env *env, const struct rule *rule, struct bw_err *err)
{
	const struct {
		unsigned int bit;
		const char *value, *name;
	} vars[] = {
		{ NEED_CID, env->container_id, "CNI_CONTAINERID" },
		{ NEED_NETNS, env->netns, "CNI_NETNS" },
		{ NEED_IFNAME, env->ifname, "CNI_IFNAME" },
	};
	char list[64] = "";
	size_t used = 0;

	for (size_t i = 0; i < BW_ARRAY_SIZE(vars); i++) {
		int n;

		if (!(rule->needs & vars[i].bit) || given(vars[i].value))
			continue;
		n = snprintf(list + used, sizeof(list) - used, "%s%s", used ? "," : "",
			     vars[i].name);
		used += n > 0 && (size_t)n < sizeof(list) - used ? (size_t)n : 0;
	}
	if (!used)
		return 0;
	return bw_reject(err, BW_ERR_ENVIRONMENT, EINVAL,
			 "%s needs environment variables that are missing: %s", rule->name, list);
}

/* [A-Za-z0-9][A-Za-z0-9_.-]*: containers' and networks' names. Source: CNI specification 1.1.0. */
static int is_name(const char *s)
{
	if (!isalnum((unsigned char)*s))
		return 0;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("_.-", *s))
			return 0;
	return 1;
}

static int check_container_id(const char *id, struct bw_err *err)
{
	if (strlen(id) <= BW_CNI_CID_MAX && is_name(id))
		return 0;
	return bw_reject(err, BW_ERR_ENVIRONMENT, EINVAL,
			 "CNI_CONTAINERID: expected 1 to %d letters, digits, '_', '.' or '-', the "
			 "first a letter or digit, got \"%.64s\"",
			 BW_CNI_CID_MAX, id);
}

/* What the kernel takes as a name, less % which it takes as a pattern. Source: dev_valid_name(). */
static int check_ifname(const char *name, struct bw_err *err)
{
	int bad = strlen(name) > BW_CNI_IFNAME_MAX || strcmp(name, ".") == 0 ||
		  strcmp(name, "..") == 0;

	for (const char *s = name; *s && !bad; s++)
		bad = *s == '/' || *s == ':' || *s == '%' || (unsigned char)*s <= ' ' ||
		      (unsigned char)*s >= 0x7f;
	if (!bad)
		return 0;
	return bw_reject(
		err, BW_ERR_ENVIRONMENT, EINVAL,
		"CNI_IFNAME: expected 1 to %d characters without '/', ':', '%%' or blanks, "
		"neither . nor .., got \"%.64s\"",
		BW_CNI_IFNAME_MAX, name);
}

int bw_cni_env_check(const struct bw_cni_env *env, enum bw_cni_verb *ret_verb, struct bw_err *err)
{
	unsigned int verb = 0;
	int r;

	while (verb < BW_CNI_MAX_ && (!env->command || strcmp(rules[verb].name, env->command) != 0))
		verb++;
	if (verb == BW_CNI_MAX_)
		return bw_reject(
			err, BW_ERR_ENVIRONMENT, EINVAL,
			"CNI_COMMAND: expected ADD, DEL, CHECK, GC, STATUS or VERSION, got "
			"\"%.64s\"",
			env->command ? env->command : "");
	r = check_missing(env, &rules[verb], err);
	if (r == 0 && (rules[verb].needs & NEED_CID))
		r = check_container_id(env->container_id, err);
	if (r == 0 && (rules[verb].needs & NEED_IFNAME))
		r = check_ifname(env->ifname, err);
	if (r < 0)
		return r;
	*ret_verb = (enum bw_cni_verb)verb;
	return 0;
}

static int check_net_name(const struct cJSON *json, const struct bw_json_path *path, void *member,
			  struct bw_err *err)
{
	const char *name;

	memcpy(&name, member, sizeof(name));
	if (is_name(name))
		return 0;
	return bw_json_expect(json, path, err,
			      "letters, digits, '_', '.' or '-', the first a letter or digit");
}

static const struct bw_json_field conf_fields[] = {
	BW_JSON_FIELD(STR, struct bw_cni_request, version, "cniVersion", .max = 64),
	BW_JSON_FIELD(STR, struct bw_cni_request, name, "name", .min = 1, .max = BW_CNI_NAME_MAX,
		      .flags = BW_JSON_F_REQUIRED, .check = check_net_name,
		      .expected = "a network name of 1 to 256 characters"),
	BW_JSON_FIELD(STR, struct bw_cni_request, type, "type", .max = 255),
};
static const struct bw_json_table conf_table = BW_JSON_TABLE(conf_fields);

/* The keys every plugin has. The table only reads into pointers of @req. */
static int read_conf(struct bw_cni_request *req, struct bw_err *err)
{
	const struct rule *rule = &rules[req->verb];
	struct bw_err why = { 0 };
	int r;

	req->version = BW_CNI_VERSION_ABSENT;
	if (!cJSON_IsObject(req->conf))
		return bw_reject(
			err, BW_ERR_DECODE, EBADMSG,
			"network configuration: expected a JSON object, got another value");
	if (!rule->lenient) {
		r = bw_json_decode(req->conf, &conf_table, NULL, req, err);
		if (r == 0)
			r = bw_cni_version_check(req->version, "cniVersion", err);
		if (r == 0 && !bw_cni_version_at_least(req->version, rule->since))
			r = bw_reject(err, BW_ERR_VERSION, EPROTONOSUPPORT,
				      "cniVersion: %s needs version %s or newer, got \"%s\"",
				      rule->name, rule->since, req->version);
		return r;
	}
	r = bw_json_decode_lenient(req->conf, &conf_table, NULL, req, &why);
	if (r < 0)
		return bw_fail(err, ENOMEM, "read the network configuration");
	if (r > 0 && req->verb == BW_CNI_DEL)
		bw_log_warn("go on with a bad network configuration", "error", why.msg);
	if (bw_cni_version_check(req->version, "cniVersion", &why) < 0) {
		if (req->verb == BW_CNI_DEL)
			bw_log_warn("go on with an unknown version", "error", why.msg);
		req->version = BW_CNI_VERSION_NEWEST;
	}
	return 0;
}

/* Everything of a request that was just made. */
static int fill(struct bw_cni_request *req, const struct bw_cni_env *env, const char *text,
		const char *const *args_known, struct bw_err *err)
{
	const struct rule *rule = &rules[req->verb];
	int r;

	req->container_id = rule->needs & NEED_CID ? env->container_id : NULL;
	req->ifname = rule->needs & NEED_IFNAME ? env->ifname : NULL;
	if (req->verb == BW_CNI_DEL || (rule->needs & NEED_NETNS))
		req->netns = given(env->netns) ? env->netns : NULL;
	req->cni_path = given(env->path) ? env->path : NULL;
	req->own_text = malloc(req->stdin_size + 1);
	if (!req->own_text)
		return bw_fail(err, ENOMEM, "read the network configuration");
	memcpy(req->own_text, text, req->stdin_size);
	req->own_text[req->stdin_size] = '\0';
	req->stdin_text = req->own_text;
	r = bw_json_parse(text, req->stdin_size, &req->conf, err);
	if (r < 0)
		return bw_wrap(err, r, "network configuration");
	r = read_conf(req, err);
	if (r < 0)
		return r;
	return bw_cni_args_parse(req, env->args, args_known, rule->lenient || !rule->needs, err);
}

int bw_cni_request_new(const struct bw_cni_env *env, enum bw_cni_verb verb, const char *text,
		       size_t size, const char *const *args_known, struct bw_cni_request **ret,
		       struct bw_err *err)
{
	struct bw_cni_request *req = calloc(1, sizeof(*req));
	int r;

	if (!req)
		return bw_fail(err, ENOMEM, "read the request");
	req->verb = verb;
	req->stdin_size = size;
	r = fill(req, env, text, args_known, err);
	if (r < 0)
		bw_cni_request_free(&req);
	else
		*ret = req;
	return r;
}

void bw_cni_request_free(struct bw_cni_request **req)
{
	if (!req || !*req)
		return;
	bw_json_free(&(*req)->conf);
	free((*req)->own_text);
	free((*req)->own_args);
	free(*req);
	*req = NULL;
}
