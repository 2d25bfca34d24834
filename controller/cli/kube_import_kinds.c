/* SPDX-License-Identifier: Apache-2.0 */
/* barewire import: objects of Calico, Whereabouts and Spiderpool, and Multus' networks. */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/err.h>

#include "kube_cli.h"
#include "kube_import.h"

#define ORDINALS_MAX 65536 /* addresses of one block */

static const char *name_of(const struct cJSON *doc)
{
	return bw_json_get_str(bw_json_get(doc, "metadata"), "name");
}

static int is_true(const struct cJSON *v)
{
	return cJSON_IsTrue(v);
}

/* What a pool's addresses in use are called: held by the IPAM that is left behind. */
static void reserve(struct cli_import *im, const struct cli_import_pool *p, const char *who,
		    struct cli_taken *t)
{
	char name[CLI_IMPORT_NAME_MAX + 16];

	/* A name fits, ignoring. */
	(void)snprintf(name, sizeof(name), "%s-in-use", p->name);
	cli_import_reserve(im, im->args->domain ? im->args->domain : p->name, name, who, t);
}

/* CALICO */

static int calico_pool(struct cli_import *im, const struct cJSON *doc, const struct cJSON *spec)
{
	struct cli_import_pool p = { .prefix = bw_json_get_str(spec, "cidr"),
				     .maintenance =
					     (uint8_t)is_true(bw_json_get(spec, "disabled")) };
	const char *selector = bw_json_get_str(spec, "nodeSelector");

	cli_import_name(p.name, name_of(doc), 0);
	if (selector && *selector && strcmp(selector, "all()") != 0)
		cli_import_note(p.name, "its nodeSelector is not taken over: see spec.selectors");
	cli_import_pool(im, &p);
	return 1;
}

/* Which addresses of a block are given: allocations has a number where one is. */
static int calico_block(struct cli_import *im, const struct cJSON *doc, const struct cJSON *spec)
{
	BW_CLEANUP(cli_taken_done) struct cli_taken taken = { 0 };
	const char *cidr = bw_json_get_str(spec, "cidr");
	const struct cJSON *item;
	struct bw_prefix prefix;
	const char *domain;
	int64_t at = 0;

	if (!cidr || bw_prefix_parse(cidr, &prefix) < 0)
		return 0;
	prefix.ip = bw_prefix_first(&prefix);
	domain = im->args->domain ? im->args->domain : cli_import_domain(im, &prefix.ip);
	if (!domain) {
		cli_import_note(name_of(doc), "left out: no pool before it has its addresses, and "
					      "no --domain is given");
		return 1;
	}
	cJSON_ArrayForEach (item, bw_json_get(spec, "allocations")) {
		struct bw_ip ip = prefix.ip;

		if (at < ORDINALS_MAX && cJSON_IsNumber(item) && bw_ip_add(&ip, at) == 0)
			cli_taken_add(im, &taken, &ip);
		at++;
	}
	cli_import_reserve(im, domain, name_of(doc), "given by Calico", &taken);
	return 1;
}

static int calico_reservation(struct cli_import *im, const struct cJSON *doc,
			      const struct cJSON *spec)
{
	if (!im->args->domain) {
		cli_import_note(name_of(doc), "left out: a reservation needs --domain");
		return 1;
	}
	cli_import_reserve_texts(im, im->args->domain, name_of(doc), "reserved in Calico",
				 bw_json_get(spec, "reservedCIDRs"));
	return 1;
}

/* WHEREABOUTS */

/* Allocations are keyed by the distance from the range's first address. */
static int whereabouts_pool(struct cli_import *im, const struct cJSON *doc,
			    const struct cJSON *spec)
{
	BW_CLEANUP(cli_taken_done) struct cli_taken taken = { 0 };
	struct cli_import_pool p = { .prefix = bw_json_get_str(spec, "range") };
	const struct cJSON *item;
	struct bw_prefix prefix;

	cli_import_name(p.name, name_of(doc), 0);
	cli_import_pool(im, &p);
	if (!p.prefix || bw_prefix_parse(p.prefix, &prefix) < 0)
		return 1;
	prefix.ip = bw_prefix_first(&prefix);
	cJSON_ArrayForEach (item, bw_json_get(spec, "allocations")) {
		struct bw_ip ip = prefix.ip;
		char *end = NULL;
		int64_t at = strtoll(item->string, &end, 10);

		if (end != item->string && !*end && at >= 0 && bw_ip_add(&ip, at) == 0)
			cli_taken_add(im, &taken, &ip);
	}
	reserve(im, &p, "given by Whereabouts", &taken);
	return 1;
}

/* SPIDERPOOL */

/* status.allocatedIPs is a text: {"10.4.1.1": {...}}. */
static void spider_taken(struct cli_import *im, const struct cJSON *doc,
			 const struct cli_import_pool *p)
{
	BW_CLEANUP(cli_taken_done) struct cli_taken taken = { 0 };
	bw_autojson struct cJSON *given = NULL;
	const char *text = bw_json_get_str(bw_json_get(doc, "status"), "allocatedIPs");
	const struct cJSON *item;
	struct bw_err err = { 0 };

	if (!text || !*text)
		return;
	if (bw_json_parse(text, strlen(text), &given, &err) < 0) {
		cli_import_note(p->name, "status.allocatedIPs cannot be read: reserve by hand what "
					 "is in use");
		return;
	}
	cJSON_ArrayForEach (item, given) {
		struct bw_ip ip;

		if (bw_ip_parse(item->string, &ip) == 0)
			cli_taken_add(im, &taken, &ip);
	}
	reserve(im, p, "given by Spiderpool", &taken);
}

static int spider_pool(struct cli_import *im, const struct cJSON *doc, const struct cJSON *spec)
{
	struct cli_import_pool p = { .prefix = bw_json_get_str(spec, "subnet"),
				     .gateway = bw_json_get_str(spec, "gateway"),
				     .ranges = bw_json_get(spec, "ips"),
				     .excludes = bw_json_get(spec, "excludeIPs"),
				     .routes = bw_json_get(spec, "routes"),
				     .vlan = bw_json_get(spec, "vlan"),
				     .maintenance = (uint8_t)is_true(bw_json_get(spec, "disable")),
				     .is_default = (uint8_t)is_true(bw_json_get(spec, "default")) };

	cli_import_name(p.name, name_of(doc), 0);
	cli_import_pool(im, &p);
	if (bw_json_get(spec, "podAffinity") || bw_json_get(spec, "nodeName") ||
	    bw_json_get(spec, "namespaceName"))
		cli_import_note(p.name, "its affinities are not taken over: see spec.selectors");
	spider_taken(im, doc, &p);
	return 1;
}

static int spider_reserved(struct cli_import *im, const struct cJSON *doc, const struct cJSON *spec)
{
	if (!im->args->domain) {
		cli_import_note(name_of(doc), "left out: a reservation needs --domain");
		return 1;
	}
	cli_import_reserve_texts(im, im->args->domain, name_of(doc), "reserved in Spiderpool",
				 bw_json_get(spec, "ips"));
	return 1;
}

/* MULTUS */

static int network_attachment(struct cli_import *im, const struct cJSON *doc,
			      const struct cJSON *spec)
{
	bw_autojson struct cJSON *conf = NULL;
	const char *text = bw_json_get_str(spec, "config");
	struct bw_err err = { 0 };

	if (!text || bw_json_parse(text, strlen(text), &conf, &err) < 0) {
		cli_import_note(name_of(doc), "left out: spec.config is no CNI configuration");
		return 1;
	}
	return cli_import_cni(im, conf, name_of(doc));
}

static int ip_pool(struct cli_import *im, const struct cJSON *doc, const struct cJSON *spec)
{
	if (bw_json_get_str(spec, "cidr"))
		return calico_pool(im, doc, spec);
	return bw_json_get_str(spec, "range") ? whereabouts_pool(im, doc, spec) : 0;
}

static const struct {
	const char *kind;
	int (*fn)(struct cli_import *im, const struct cJSON *doc, const struct cJSON *spec);
} readers[] = {
	{ "IPPool", ip_pool },
	{ "IPAMBlock", calico_block },
	{ "IPReservation", calico_reservation },
	{ "SpiderIPPool", spider_pool },
	{ "SpiderReservedIP", spider_reserved },
	{ "NetworkAttachmentDefinition", network_attachment },
};

int cli_import_object(struct cli_import *im, const struct cJSON *doc)
{
	const struct cJSON *spec = bw_json_get(doc, "spec");
	const char *kind = bw_json_get_str(doc, "kind");

	if (!kind || !spec || !name_of(doc))
		return 0;
	for (size_t i = 0; i < BW_ARRAY_SIZE(readers); i++)
		if (strcmp(readers[i].kind, kind) == 0)
			return readers[i].fn(im, doc, spec);
	return cli_import_dbscale(im, doc);
}
