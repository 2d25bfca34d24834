/* SPDX-License-Identifier: Apache-2.0 */
/* From a request to what the IPAM works with; everything is checked before anything changes. */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/err.h>
#include <bw/log.h>

#include "conf.h"

void bw_ipam_conf_free(struct bw_ipam_conf **conf)
{
	if (!conf || !*conf)
		return;
	bw_json_done(&ipam_in_table, &(*conf)->in);
	bw_json_done(&ipam_top_table, &(*conf)->top);
	for (size_t i = 0; i < BW_RANGE_SETS_MAX; i++)
		bw_range_set_done(&(*conf)->sets[i]);
	free((*conf)->excludes);
	free(*conf);
	*conf = NULL;
}

const char *bw_ipam_conf_domain(const struct bw_ipam_conf *conf)
{
	return conf->domain;
}

const struct bw_mac *bw_ipam_conf_mac(const struct bw_ipam_conf *conf)
{
	return conf->has_mac ? &conf->mac : NULL;
}

/* Absolute, not empty, short enough for SQLite. */
static int check_dir(const char *dir, const char *key, struct bw_err *err)
{
	if (dir[0] == '/' && strlen(dir) <= BW_JOURNAL_DIR_MAX)
		return 0;
	return bw_reject(err, BW_ERR_INVALID, EINVAL,
			 "%s: expected an absolute path of at most %d characters, got \"%.64s\"",
			 key, BW_JOURNAL_DIR_MAX, dir);
}

static int set_dir(struct bw_ipam_conf *conf, int lenient, struct bw_err *err)
{
	const struct {
		const char *dir;
		const char *key;
	} places[] = { { conf->in.data_dir, "ipam.dataDir" }, { conf->top.data_dir, "dataDir" } };
	const char *dir = BW_JOURNAL_DIR_DEFAULT;

	/* A network without addresses has nothing a dataDir could move. */
	for (size_t i = 0; conf->has_sets && i < BW_ARRAY_SIZE(places); i++) {
		int r;

		if (!places[i].dir)
			continue;
		r = check_dir(places[i].dir, places[i].key, err);
		if (r == 0)
			dir = places[i].dir;
		else if (!lenient)
			return r;
		break;
	}
	(void)snprintf(conf->dir, sizeof(conf->dir), "%s", dir); /* was checked, ignoring */
	return 0;
}

static int domain_ok(const char *s)
{
	size_t n = strlen(s);

	return n >= 1 && n <= BW_JOURNAL_DOMAIN_MAX &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789.-") == n;
}

/* A network's name may be longer than a domain: its end becomes a hash then. */
static int set_domain(struct bw_ipam_conf *conf, int lenient, struct bw_err *err)
{
	const char *name = conf->req->name ? conf->req->name : "";
	const char *domain = conf->in.domain;

	if (domain && !domain_ok(domain)) {
		if (!lenient)
			return bw_reject(
				err, BW_ERR_INVALID, EINVAL,
				"ipam.domain: expected 1 to %d characters of a-z, 0-9, '.' "
				"and '-', got \"%.80s\"",
				BW_JOURNAL_DOMAIN_MAX, domain);
		domain = NULL;
	}
	if (!domain && strlen(name) > BW_JOURNAL_DOMAIN_MAX)
		/* fits, ignoring */
		(void)snprintf(conf->domain, sizeof(conf->domain), "%.46s-%016llx", name,
			       (unsigned long long)bw_fnv64(BW_FNV64_BASIS, name, strlen(name)));
	else
		/* was checked, ignoring */
		(void)snprintf(conf->domain, sizeof(conf->domain), "%s", domain ? domain : name);
	return 0;
}

void ipam_pod(const struct bw_cni_request *req, char ret[BW_JOURNAL_KEY_MAX + 1])
{
	const char *ns = bw_cni_request_arg(req, "K8S_POD_NAMESPACE");
	const char *name = bw_cni_request_arg(req, "K8S_POD_NAME");

	if (!ns || !name || !*ns || !*name)
		return;
	/* Longer ones no Kubernetes gives out (63 + 253 characters): better none than a part. */
	if (snprintf(ret, BW_JOURNAL_KEY_MAX + 1, "%s/%s", ns, name) > BW_JOURNAL_KEY_MAX)
		ret[0] = '\0';
}

static int decode(const struct cJSON *json, const struct bw_json_table *table,
		  const struct bw_json_path *at, void *out, int lenient, struct bw_err *err)
{
	struct bw_err skipped = { 0 };
	int r;

	if (!lenient)
		return bw_json_decode(json, table, at, out, err);
	r = bw_json_decode_lenient(json, table, at, out, &skipped);
	if (r > 0)
		bw_log_warn("configuration is not as expected, ignoring", "what", skipped.msg);
	if (r < 0)
		return bw_fail(err, -r, "read the configuration");
	return 0;
}

/* Ours, none, or a foreign plugin's, whose keys are not ours to judge. */
static int read_ipam(struct bw_ipam_conf *conf, int delegate, int lenient, struct bw_err *err)
{
	static const struct bw_json_path at = { .key = "ipam" };
	const struct cJSON *ipam = conf->top.ipam;
	const char *type;

	if (ipam && !cJSON_IsObject(ipam)) {
		if (!lenient)
			return bw_json_expect(ipam, &at, err, "an object");
		ipam = NULL;
	}
	type = ipam ? bw_json_get_str(ipam, "type") : NULL;
	conf->has_sets = delegate || (type && strcmp(type, IPAM_TYPE) == 0);
	if (!conf->has_sets)
		return 0;
	if (!ipam && !lenient)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "ipam: expected an object with type, ranges, ..., got nothing");
	return ipam ? decode(ipam, &ipam_in_table, &at, &conf->in, lenient, err) : 0;
}

/* The first wish that nobody here can meet; NULL = there is none. */
static const char *any_wish(const struct bw_ipam_conf *conf)
{
	const char *arg = bw_cni_request_arg(conf->req, "IP");

	if (conf->top.runtime.ips.n)
		return "runtimeConfig.ips";
	if (conf->top.args.cni.ips.n)
		return "args.cni.ips";
	return arg && *arg ? "CNI_ARGS IP" : NULL;
}

/* Reserved addresses of others and excludes are cut out of what may be picked. */
static int build_sets(struct bw_ipam_conf *conf, const struct ipam_reserved *reserved,
		      size_t n_reserved, struct bw_err *err)
{
	size_t n = conf->n_excludes;
	bw_autofree struct bw_interval *holes = calloc(n + n_reserved + 1, sizeof(*holes));

	if (!holes)
		return bw_fail(err, ENOMEM, "build the range sets");
	if (n)
		memcpy(holes, conf->excludes, n * sizeof(*holes));
	for (size_t i = 0; i < n_reserved; i++)
		if (!reserved[i].mine)
			holes[n++] = (struct bw_interval){ reserved[i].ip, reserved[i].ip };
	for (size_t i = 0; i < conf->n_sets; i++) {
		int r = bw_range_set_build(&conf->sets[i], holes, n, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int read_pools(struct bw_ipam_conf *conf, struct bw_err *err)
{
	bw_autofree struct ipam_reserved *reserved = NULL;
	size_t n_reserved = 0;
	int r = ipam_conf_ranges(conf, err);

	if (r == 0)
		r = ipam_reserved_list(conf, &reserved, &n_reserved, err);
	if (r == 0)
		r = ipam_conf_wishes(conf, reserved, n_reserved, err);
	return r < 0 ? r : build_sets(conf, reserved, n_reserved, err);
}

static int parse(const struct bw_cni_request *req, int delegate, int lenient,
		 struct bw_ipam_conf *conf, struct bw_err *err)
{
	const char *wish;
	int r;

	conf->req = req;
	r = decode(req->conf, &ipam_top_table, NULL, &conf->top, lenient, err);
	if (r == 0)
		r = read_ipam(conf, delegate, lenient, err);
	if (r == 0)
		r = set_dir(conf, lenient, err);
	if (r == 0)
		r = set_domain(conf, lenient, err);
	if (r < 0)
		return r;
	ipam_pod(req, conf->pod);
	if (lenient)
		return 0;
	if (conf->has_sets)
		return read_pools(conf, err);
	wish = any_wish(conf);
	/* A foreign IPAM is asked with the whole request and judges it. */
	if (wish && !bw_json_get_str(conf->top.ipam, "type"))
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "%s: an address is declared, but network \"%s\" has no ipam", wish,
				 req->name ? req->name : "");
	return 0;
}

static void auto_conf(struct bw_ipam_conf **conf)
{
	bw_ipam_conf_free(conf);
}

static int parse_new(const struct bw_cni_request *req, int delegate, int lenient,
		     struct bw_ipam_conf **ret, struct bw_err *err)
{
	BW_CLEANUP(auto_conf) struct bw_ipam_conf *conf = calloc(1, sizeof(*conf));
	int r;

	if (!conf)
		return bw_fail(err, ENOMEM, "read the configuration");
	r = parse(req, delegate, lenient, conf, err);
	if (r < 0)
		return r;
	*ret = BW_TAKE_PTR(conf);
	return 0;
}

int bw_ipam_conf_parse(const struct bw_cni_request *req, int lenient, struct bw_ipam_conf **ret,
		       struct bw_err *err)
{
	return parse_new(req, 0, lenient, ret, err);
}

int bw_ipam_conf_parse_delegate(const struct bw_cni_request *req, int lenient,
				struct bw_ipam_conf **ret, struct bw_err *err)
{
	return parse_new(req, 1, lenient, ret, err);
}
