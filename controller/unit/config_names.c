/* SPDX-License-Identifier: Apache-2.0 */
/* What a Unit's templates may name, but secrets: itself, its resources, and other Units. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cjson/cJSON.h>

#include <bw/err.h>
#include <bw/ip.h>
#include <bw/tmpl.h>

#include "impl.h"

#define ADDRESS_MAX 46 /* bytes of an address's text */
#define DIGITS_MAX 18 /* more than an int64_t holds are refused */

/* THE UNIT ITSELF */

static int family_of(const char *ip)
{
	return strchr(ip, ':') ? AF_INET6 : AF_INET;
}

/* The first address of eth0, of that family or of any (0); "" none yet. */
static const char *address(const struct unit_run *k, int family)
{
	const struct bw_net_claim_status *s = &k->claim.status;

	for (size_t i = 0; k->claim_state == UNIT_CLAIM_BOUND && i < s->interfaces.n; i++)
		for (size_t x = 0; strcmp(s->interfaces.items[i].name, UNIT_INTERFACE) == 0 &&
				   x < s->interfaces.items[i].ips.n;
		     x++)
			if (!family || family_of(s->interfaces.items[i].ips.items[x]) == family)
				return s->interfaces.items[i].ips.items[x];
	return "";
}

static const struct bw_net_claim_status_interface *first(const struct unit_run *k)
{
	const struct bw_net_claim_status *s = &k->claim.status;

	for (size_t i = 0; k->claim_state == UNIT_CLAIM_BOUND && i < s->interfaces.n; i++)
		if (strcmp(s->interfaces.items[i].name, UNIT_INTERFACE) == 0)
			return &s->interfaces.items[i];
	return NULL;
}

static const char *text_or_none(const char *s)
{
	return s ? s : "";
}

static int put_unit(const struct unit_run *k, struct bw_tmpl_names *n, struct bw_err *err)
{
	const struct bw_net_claim_status_interface *i = first(k);
	const struct {
		const char *name;
		const char *value;
	} all[] = {
		{ "unit.name", k->unit->meta.name },
		{ "unit.namespace", k->unit->meta.namespace },
		{ "unit.address", address(k, 0) },
		{ "unit.address4", address(k, AF_INET) },
		{ "unit.address6", address(k, AF_INET6) },
		{ "unit.mac", i ? text_or_none(i->mac) : "" },
		{ "unit.gateway", i ? text_or_none(i->gateway) : "" },
	};

	for (size_t x = 0; x < BW_ARRAY_SIZE(all); x++) {
		int r = bw_tmpl_put(n, all[x].name, all[x].value, 0, err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* What an engine should tell others to connect to: config.addr.type. A node is not known before
 * the pod is placed: who announces that has no such name. */
static int put_announced(const struct unit_run *k, struct bw_tmpl_names *n, struct bw_err *err)
{
	const struct bw_kube_meta *m = &k->unit->meta;
	char service[BW_KUBE_NAME_MAX + BW_KUBE_NS_MAX + 8];
	const char *type = unit_address_type(k->unit);

	(void)snprintf(service, sizeof(service), "%s.%s.svc", m->name, m->namespace); /* fits */
	if (strcmp(type, "pod_ip") == 0)
		return bw_tmpl_put(n, "unit.announce", address(k, 0), 0, err);
	if (strcmp(type, "pod_name") == 0)
		return bw_tmpl_put(n, "unit.announce", m->name, 0, err);
	if (strcmp(type, "service") == 0)
		return bw_tmpl_put(n, "unit.announce", service, 0, err);
	return 0;
}

/* ITS RESOURCES */

static const struct {
	const char *suffix;
	uint64_t by;
} suffixes[] = {
	{ "", 1 },
	{ "k", 1000 },
	{ "M", 1000000 },
	{ "G", 1000000000 },
	{ "T", 1000000000000 },
	{ "P", 1000000000000000 },
	{ "Ki", 1ULL << 10 },
	{ "Mi", 1ULL << 20 },
	{ "Gi", 1ULL << 30 },
	{ "Ti", 1ULL << 40 },
	{ "Pi", 1ULL << 50 },
};

/* Source: Kubernetes API, resource.Quantity; exponents and what is below one are not read. */
int unit_quantity_bytes(const char *text, int64_t *ret)
{
	unsigned __int128 value = 0;
	uint64_t part = 1; /* 10 to the digits behind the point */
	unsigned int digits = 0;
	int point = 0;

	for (; (*text >= '0' && *text <= '9') || (*text == '.' && !point); text++) {
		if (*text == '.') {
			point = 1;
			continue;
		}
		if (++digits > DIGITS_MAX)
			return -ERANGE;
		value = value * 10 + (unsigned int)(*text - '0');
		part *= point ? 10 : 1;
	}
	if (!digits)
		return -EINVAL;
	for (size_t i = 0; i < BW_ARRAY_SIZE(suffixes); i++) {
		if (strcmp(text, suffixes[i].suffix) != 0)
			continue;
		value = value * suffixes[i].by / part;
		if (value > INT64_MAX)
			return -ERANGE;
		*ret = (int64_t)value;
		return 0;
	}
	return -EINVAL;
}

/* The main container's limit, else its request, in bytes; "" for one without. More only when the
 * container that runs has it. */
static int put_resources(const struct unit_run *k, struct bw_tmpl_names *n, struct bw_err *err)
{
	const struct bw_db_unit_template_container *main = unit_main(k->unit);
	const struct cJSON *all = main ? bw_json_get(main->raw, "resources") : NULL;
	const char *said = bw_json_get_str(bw_json_get(all, "limits"), "memory");
	const char *kind = said ? "limits" : "requests";
	char text[32] = "";
	int64_t bytes;

	if (!said)
		said = bw_json_get_str(bw_json_get(all, kind), "memory");
	if (said && unit_quantity_bytes(said, &bytes) == 0)
		(void)snprintf(text, sizeof(text), "%lld",
			       (long long)unit_resize_memory(k, kind, bytes)); /* fits, ignoring */
	return bw_tmpl_put(n, "resources.memory", text, 0, err);
}

/* OTHER UNITS */

/* The first address that a Unit holds; "" none. */
static void held_address(const struct bw_kube_object *o, char out[ADDRESS_MAX])
{
	struct bw_kube_slice at = { o->text, o->size };
	struct bw_kube_iter it;

	out[0] = '\0';
	if (bw_kube_text_get(at, &at, "status", "claim", "addresses", NULL) < 0 ||
	    bw_kube_iter_init(&it, at) < 0 || bw_kube_iter_next(&it, NULL, &at) <= 0 ||
	    bw_kube_text_str(at, out, ADDRESS_MAX) < 0)
		out[0] = '\0';
}

/* Whether its labels fit. 0, 1; -ENOMEM. */
static int fits(const struct bw_kube_object *o, const struct bw_kube_selector *s)
{
	static const struct bw_json_path at = { .key = "labels" };
	bw_autojson struct cJSON *json = NULL;
	struct bw_kube_slice labels = { o->text, o->size };
	struct bw_json_list pairs = { 0 };
	int r;

	if (bw_kube_text_get(labels, &labels, "metadata", "labels", NULL) < 0)
		return bw_kube_selector_match(s, NULL, 0);
	r = bw_json_parse(labels.p, labels.size, &json, NULL);
	if (r == 0)
		r = bw_kube_pairs_decode(json, &at, &pairs, NULL);
	if (r == 0)
		r = bw_kube_selector_match(s, pairs.items, pairs.n);
	bw_kube_pairs_done(&pairs);
	return r == -ENOMEM ? r : r > 0;
}

struct peers {
	const struct unit_run *k;
	struct bw_tmpl_names *names;
	struct bw_err *err;
};

static int add_one(const struct peers *p, const char *list, const char *name, const char *ip)
{
	struct bw_tmpl_names *item;
	int r = bw_tmpl_add_item(p->names, list, &item, p->err);

	if (r == 0)
		r = bw_tmpl_put(item, "name", name, 0, p->err);
	return r < 0 ? r : bw_tmpl_put(item, "address", ip, 0, p->err);
}

static int add_peer(struct bw_kube_object *o, void *arg)
{
	const struct peers *p = arg;
	const struct bw_db_unit *u = p->k->unit;
	int self = strcmp(o->name, u->meta.name) == 0;
	char ip[ADDRESS_MAX];
	int r;

	/* Its own is the claim's: the status comes later. */
	if (self)
		(void)snprintf(ip, sizeof(ip), "%s", address(p->k, 0)); /* bounded, ignoring */
	else
		held_address(o, ip);
	if (!*ip || (!self && o->deleting))
		return 0;
	r = fits(o, &u->spec.peers.selector);
	if (r < 0)
		return bw_fail(p->err, ENOMEM, "match the labels of a Unit");
	if (!r)
		return 0;
	r = add_one(p, "members", o->name, ip);
	return r < 0 || self ? r : add_one(p, "peers", o->name, ip);
}

static int put_peers(const struct unit_run *k, struct bw_tmpl_names *n, struct bw_err *err)
{
	static const char *const fields[] = { "name", "address", NULL };
	struct peers p = { .k = k, .names = n, .err = err };
	int r = bw_tmpl_put_list(n, "peers", fields, err);

	if (r == 0)
		r = bw_tmpl_put_list(n, "members", fields, err);
	if (r < 0 || !k->unit->spec.has_peers)
		return r;
	/* In the order of their names. */
	return bw_kube_store_each(k->c->st.units, k->unit->meta.namespace, add_peer, &p);
}

int unit_config_names(const struct unit_run *k, struct bw_tmpl_names *n, struct bw_err *err)
{
	int r = put_unit(k, n, err);

	if (r == 0)
		r = put_announced(k, n, err);
	if (r == 0)
		r = put_resources(k, n, err);
	return r < 0 ? r : put_peers(k, n, err);
}

/* WHO IS ASKED WHEN ANOTHER UNIT CHANGES */

void unit_by_peers(const struct bw_kube_object *o, bw_kube_index_put put, void *to)
{
	struct bw_kube_slice at = { o->text, o->size };

	if (bw_kube_text_get(at, &at, "spec", "peers", NULL) == 0)
		put(to, o->namespace);
}

struct change {
	struct ctl_unit *c;
	const struct bw_kube_object *old, *now;
};

static int ask_if_peer(struct bw_kube_object *o, void *arg)
{
	static const struct bw_json_path at = { .key = "selector" };
	const struct change *ch = arg;
	BW_CLEANUP(bw_json_free) struct cJSON *json = NULL;
	struct bw_kube_slice text = { o->text, o->size };
	struct bw_kube_selector s = { 0 };

	if (bw_kube_text_get(text, &text, "spec", "peers", "selector", NULL) < 0 ||
	    bw_json_parse(text.p, text.size, &json, NULL) < 0)
		return 0;
	/* Out of memory asks once too often. */
	if (bw_json_decode(json, &bw_kube_selector_table, &at, &s, NULL) < 0 ||
	    (ch->old && fits(ch->old, &s)) || (ch->now && fits(ch->now, &s)))
		(void)bw_controller_enqueue(ch->c->units, o->namespace, o->name,
					    BW_KEY_DEPENDENT); /* its next change asks again */
	bw_json_done(&bw_kube_selector_table, &s);
	return 0;
}

static int same(const struct bw_kube_object *a, const struct bw_kube_object *b)
{
	struct bw_kube_slice x = { a->text, a->size };
	struct bw_kube_slice y = { b->text, b->size };
	char ip[2][ADDRESS_MAX];

	held_address(a, ip[0]);
	held_address(b, ip[1]);
	if (a->deleting != b->deleting || strcmp(ip[0], ip[1]) != 0)
		return 0;
	if (bw_kube_text_get(x, &x, "metadata", "labels", NULL) < 0)
		x.size = 0;
	if (bw_kube_text_get(y, &y, "metadata", "labels", NULL) < 0)
		y.size = 0;
	return x.size == y.size && (!x.size || memcmp(x.p, y.p, x.size) == 0);
}

void unit_peer_changed(struct bw_kube_object *old, struct bw_kube_object *now, void *arg)
{
	struct change ch = { .c = arg, .old = old, .now = now };

	if (!old && !now)
		return;
	if (!old || !now || !same(old, now))
		(void)bw_kube_store_find(ch.c->st.units, UNIT_INDEX_PEERS,
					 (now ? now : old)->namespace, ask_if_peer,
					 &ch); /* never stops, ignoring */
}
