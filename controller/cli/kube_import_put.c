/* SPDX-License-Identifier: Apache-2.0 */
/* barewire import: pools and reservations as the API takes them. */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/err.h>

#include "kube_cli.h"
#include "kube_import.h"

#define ADDRESSES_MAX 256 /* of one reservation, conf/crds */
#define RANGES_MAX 64 /* of one pool, likewise */
#define VLAN_MAX 4094
#define API "net.barewire.dev/v1alpha1"

void cli_import_note(const char *what, const char *text)
{
	/* Nothing is left to do when stderr is gone, ignoring. */
	(void)fprintf(stderr, "barewire import: %s: %s\n", what, text);
}

void cli_import_name(char out[CLI_IMPORT_NAME_MAX + 1], const char *from, unsigned int n)
{
	char tail[16] = "";
	size_t max = CLI_IMPORT_NAME_MAX;
	size_t len = 0;

	if (n)
		max -= (size_t)snprintf(tail, sizeof(tail), "-%u", n);
	for (; *from && len < max; from++) {
		char c = *from;

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if ((c < 'a' || c > 'z') && (c < '0' || c > '9'))
			c = '-';
		if (c != '-' || (len && out[len - 1] != '-'))
			out[len++] = c;
	}
	while (len && out[len - 1] == '-')
		len--;
	if (!len) {
		memcpy(out, "imported", sizeof("imported"));
		len = 8;
	}
	memcpy(out + len, tail, strlen(tail) + 1);
}

static struct cJSON *put_object(struct cli_import *im, const char *kind, const char *name)
{
	struct bw_json_build *b = &im->build;
	struct cJSON *o = bw_json_put_object(b, im->items, NULL);

	bw_json_put_str(b, o, "apiVersion", API);
	bw_json_put_str(b, o, "kind", kind);
	bw_json_put_str(b, bw_json_put_object(b, o, "metadata"), "name", name);
	im->n++;
	return bw_json_put_object(b, o, "spec");
}

/* POOLS */

/* "FIRST-LAST" of the hosts of a prefix. */
static void whole_range(const struct bw_prefix *p, char out[100])
{
	char a[BW_IP_STR_MAX], z[BW_IP_STR_MAX];
	struct bw_ip first = bw_prefix_first(p);
	struct bw_ip last = bw_prefix_last(p);

	if (p->len + 2U <= bw_ip_bits(p->ip.family)) {
		/* a longer prefix has both, ignoring */
		(void)bw_ip_add(&first, 1);
		(void)bw_ip_add(&last, p->ip.family == AF_INET ? -1 : 0);
	}
	/* two addresses and a dash fit, ignoring */
	(void)snprintf(out, 100, "%s-%s", bw_ip_str(&first, a), bw_ip_str(&last, z));
}

static void put_texts(struct cli_import *im, struct cJSON *spec, const char *key, const char *name,
		      const struct cJSON *from)
{
	struct cJSON *list;
	const struct cJSON *item;

	if (!cJSON_GetArraySize(from))
		return;
	if (cJSON_GetArraySize(from) > RANGES_MAX)
		cli_import_note(name, "more than 64 ranges or excludes: the API server will refuse "
				      "the pool, make two of it");
	list = bw_json_put_array(&im->build, spec, key);
	cJSON_ArrayForEach (item, from)
		if (cJSON_IsString(item))
			bw_json_put_str(&im->build, list, NULL, item->valuestring);
}

static int is_default_route(const char *dst)
{
	return strcmp(dst, "0.0.0.0/0") == 0 || strcmp(dst, "::/0") == 0;
}

/* The default route is the gateway's. */
static void put_routes(struct cli_import *im, struct cJSON *spec, struct cli_import_pool *p)
{
	struct cJSON *list = NULL;
	const struct cJSON *r;

	cJSON_ArrayForEach (r, p->routes) {
		const char *dst = bw_json_get_str(r, "dst");
		const char *gw = bw_json_get_str(r, "gw");
		struct cJSON *o;

		if (!dst)
			continue;
		if (is_default_route(dst)) {
			if (!p->gateway)
				p->gateway = gw;
			continue;
		}
		if (!list)
			list = bw_json_put_array(&im->build, spec, "routes");
		o = bw_json_put_object(&im->build, list, NULL);
		bw_json_put_str(&im->build, o, "dst", dst);
		if (gw)
			bw_json_put_str(&im->build, o, "gw", gw);
	}
}

static void remember(struct cli_import *im, const struct bw_prefix *prefix, const char *domain)
{
	struct cli_import_known *more =
		reallocarray(im->known, im->n_known + 1, sizeof(*im->known));

	if (!more) {
		im->failed = 1;
		return;
	}
	im->known = more;
	more[im->n_known].prefix = *prefix;
	/* A domain fits, ignoring. */
	(void)snprintf(more[im->n_known].domain, sizeof(more->domain), "%s", domain);
	im->n_known++;
}

const char *cli_import_domain(const struct cli_import *im, const struct bw_ip *ip)
{
	for (size_t i = 0; i < im->n_known; i++)
		if (bw_prefix_contains(&im->known[i].prefix, ip))
			return im->known[i].domain;
	return NULL;
}

static int number(const struct cJSON *v, int max)
{
	return cJSON_IsNumber(v) && v->valuedouble > 0 && v->valuedouble <= max ? v->valueint : 0;
}

/* What a person has to decide after all. */
static void note_gaps(const struct cli_import_pool *p)
{
	if (!p->uplink && (!p->mode || strcmp(p->mode, "calico") != 0))
		cli_import_note(p->name, "no uplink is known: set spec.uplink to the nodes' "
					 "interface on that segment, or map it in NodeNetworks");
	if (!p->gateway)
		cli_import_note(p->name, "no gateway is known: without spec.gateway pods have no "
					 "default route");
}

void cli_import_pool(struct cli_import *im, struct cli_import_pool *p)
{
	struct bw_json_build *b = &im->build;
	const char *domain = im->args->domain ? im->args->domain
			     : p->domain[0]   ? p->domain
					      : p->name;
	char text[BW_PREFIX_STR_MAX];
	struct bw_prefix prefix;
	struct cJSON *spec;

	if (!p->prefix || bw_prefix_parse(p->prefix, &prefix) < 0) {
		cli_import_note(p->name, "left out: it has no readable prefix");
		return;
	}
	prefix.ip = bw_prefix_first(&prefix);
	spec = put_object(im, "NetworkPool", p->name);
	bw_json_put_str(b, spec, "domain", domain);
	bw_json_put_str(b, spec, "prefix", bw_prefix_str(&prefix, text));
	if (!p->range[0] && !cJSON_GetArraySize(p->ranges))
		whole_range(&prefix, p->range);
	if (p->range[0])
		bw_json_put_str(b, bw_json_put_array(b, spec, "ranges"), NULL, p->range);
	else
		put_texts(im, spec, "ranges", p->name, p->ranges);
	put_texts(im, spec, "excludes", p->name, p->excludes);
	put_routes(im, spec, p);
	if (p->gateway && *p->gateway)
		bw_json_put_str(b, spec, "gateway", p->gateway);
	if (number(p->vlan, VLAN_MAX))
		bw_json_put_int(b, spec, "vlan", number(p->vlan, VLAN_MAX));
	if (number(p->mtu, 65535))
		bw_json_put_int(b, spec, "mtu", number(p->mtu, 65535));
	if (p->uplink)
		bw_json_put_str(b, spec, "uplink", p->uplink);
	if (p->mode)
		bw_json_put_str(b, spec, "mode", p->mode);
	if (p->maintenance)
		bw_json_put_str(b, spec, "phase", "Maintenance");
	if (p->is_default)
		bw_json_put_bool(b, spec, "default", 1);
	note_gaps(p);
	remember(im, &prefix, domain);
}

/* RESERVATIONS */

void cli_taken_add(struct cli_import *im, struct cli_taken *t, const struct bw_ip *ip)
{
	if (t->n % 256 == 0) {
		struct bw_ip *more = t->n < CLI_IMPORT_TAKEN_MAX
					     ? reallocarray(t->ips, t->n + 256, sizeof(*more))
					     : NULL;

		if (!more) {
			im->failed = 1;
			return;
		}
		t->ips = more;
	}
	t->ips[t->n++] = *ip;
}

void cli_taken_done(struct cli_taken *t)
{
	free(t->ips);
	memset(t, 0, sizeof(*t));
}

static int cmp_ip(const void *a, const void *b)
{
	return bw_ip_cmp(a, b);
}

/* Neighbours become ranges. */
static size_t run_end(const struct cli_taken *t, size_t i)
{
	while (i + 1 < t->n) {
		struct bw_ip next = t->ips[i];

		if (!bw_ip_eq(&t->ips[i], &t->ips[i + 1]) &&
		    (bw_ip_add(&next, 1) < 0 || !bw_ip_eq(&next, &t->ips[i + 1])))
			break;
		i++;
	}
	return i;
}

static struct cJSON *new_reservation(struct cli_import *im, const char *domain, const char *name,
				     const char *reason, unsigned int n)
{
	char full[CLI_IMPORT_NAME_MAX + 1];
	struct cJSON *spec;

	cli_import_name(full, name, n);
	spec = put_object(im, "NetworkReservation", full);
	bw_json_put_str(&im->build, spec, "domain", domain);
	bw_json_put_str(&im->build, spec, "reason", reason);
	return bw_json_put_array(&im->build, spec, "addresses");
}

void cli_import_reserve(struct cli_import *im, const char *domain, const char *name,
			const char *reason, struct cli_taken *t)
{
	char text[100], a[BW_IP_STR_MAX], z[BW_IP_STR_MAX];
	struct cJSON *list = NULL;
	unsigned int n = 0;

	if (!t->n)
		return;
	qsort(t->ips, t->n, sizeof(*t->ips), cmp_ip);
	for (size_t i = 0; i < t->n; i++) {
		size_t end = run_end(t, i);

		if (n % ADDRESSES_MAX == 0)
			list = new_reservation(im, domain, name, reason, n / ADDRESSES_MAX);
		n++;
		bw_ip_str(&t->ips[i], a);
		bw_ip_str(&t->ips[end], z);
		/* two addresses and a dash fit, ignoring */
		(void)snprintf(text, sizeof(text), "%s%s%s", a, strcmp(a, z) ? "-" : "",
			       strcmp(a, z) ? z : "");
		bw_json_put_str(&im->build, list, NULL, text);
		i = end;
	}
}

void cli_import_reserve_texts(struct cli_import *im, const char *domain, const char *name,
			      const char *reason, const struct cJSON *list)
{
	const struct cJSON *item;
	struct cJSON *to = NULL;
	unsigned int n = 0;

	cJSON_ArrayForEach (item, list) {
		if (!cJSON_IsString(item))
			continue;
		if (n % ADDRESSES_MAX == 0)
			to = new_reservation(im, domain, name, reason, n / ADDRESSES_MAX);
		n++;
		bw_json_put_str(&im->build, to, NULL, item->valuestring);
	}
}
