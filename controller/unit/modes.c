/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interfaces that others attach: what Calico, kube-OVN and Multus read of the pod's first version,
 * so that they give it the addresses of its claim and no others.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/err.h>
#include <bw/ip.h>

#include "impl.h"
#include "modes.h"

#define ANN_ATTACHMENT CTL_PREFIX "network-attachment" /* of a pool: [NAMESPACE/]NAME */
#define CALICO "cni.projectcalico.org/"
#define LIST_MAX 256 /* four addresses of 45 characters, quoted */

/* THE INTERFACES */

static int is_foreign(enum bw_net_pool_mode mode)
{
	return mode == BW_NET_POOL_MODE_CALICO || mode == BW_NET_POOL_MODE_KUBE_OVN ||
	       mode == BW_NET_POOL_MODE_EXTERNAL;
}

/* Which NetworkAttachmentDefinition: what the pool says, else one of the pool's own name. */
static void find_network(const struct unit_run *k, const struct bw_net_pool *pool,
			 struct unit_attached *a)
{
	const char *said = bw_kube_annotation(&pool->meta, ANN_ATTACHMENT);
	const char *slash = said ? strchr(said, '/') : NULL;
	const char *ns = k->unit->meta.namespace;

	a->named = said && *said;
	/* Names that are too long are nobody's; what is cut is not found, ignoring. */
	if (slash)
		(void)snprintf(a->ns, sizeof(a->ns), "%.*s", (int)(slash - said), said);
	else
		(void)snprintf(a->ns, sizeof(a->ns), "%s", ns);
	(void)snprintf(a->network, sizeof(a->network), "%s",
		       slash      ? slash + 1
		       : a->named ? said
				  : pool->meta.name);
}

static struct unit_attached *attached_of(struct unit_attachments *all, const char *name)
{
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->v[i].name, name) == 0)
			return &all->v[i];
	if (all->n == UNIT_INTERFACES_MAX)
		return NULL;
	all->v[all->n].name = name;
	return &all->v[all->n++];
}

static void add_addresses(struct unit_attached *a, const struct bw_net_claim_status_interface *f,
			  const struct bw_net_pool *pool)
{
	struct bw_prefix net = { .len = 0 };

	(void)bw_prefix_parse(pool->spec.prefix ? pool->spec.prefix : "", &net); /* a rule */
	for (size_t i = 0; i < f->ips.n && a->n < UNIT_INTERFACE_IPS_MAX; i++) {
		a->ips[a->n].text = f->ips.items[i];
		a->ips[a->n++].len = net.len;
	}
}

int unit_find_attachments(const struct unit_run *k, struct unit_attachments *ret)
{
	const struct bw_net_claim_status *s = &k->claim.status;

	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < s->interfaces.n; i++) {
		BW_CLEANUP(bw_net_pool_done) struct bw_net_pool pool = { 0 };
		const struct bw_net_claim_status_interface *f = &s->interfaces.items[i];
		struct unit_attached *a;

		/* Without its mode nobody knows what the pod has to say. */
		if (unit_pool(k->c, f->pool, &pool) < 0)
			return -ENOENT;
		a = attached_of(ret, f->name);
		if (!a)
			continue;
		if (!a->n) { /* of two families the first pool speaks */
			a->mode = pool.spec.mode;
			a->mac = f->mac;
			find_network(k, &pool, a);
		}
		add_addresses(a, f, &pool);
	}
	return 0;
}

/* ANNOTATIONS */

static void put_once(struct bw_json_build *b, struct cJSON *in, const char *key, const char *value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(in, key);
	bw_json_put_str(b, in, key, value);
}

/* The addresses parted by commas, each between quotes. */
static const char *join(const struct unit_attached *a, const char *quote, char out[LIST_MAX])
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < a->n; i++) {
		int n = snprintf(out + len, LIST_MAX - len, "%s%s%s%s", len ? "," : "", quote,
				 a->ips[i].text, quote);

		len += n > 0 && (size_t)n < LIST_MAX - len ? (size_t)n : 0;
	}
	return out;
}

static void put_calico(struct bw_json_build *b, struct cJSON *notes, const struct unit_attached *a)
{
	char list[LIST_MAX];
	char text[LIST_MAX + 2];

	(void)snprintf(text, sizeof(text), "[%s]", join(a, "\"", list)); /* fits */
	put_once(b, notes, CALICO "ipAddrs", text);
	if (a->mac)
		put_once(b, notes, CALICO "hwAddr", a->mac);
}

/* @provider: who kube-OVN thinks attaches: "ovn", or NAME.NAMESPACE.ovn of a definition. */
static void put_ovn(struct bw_json_build *b, struct cJSON *notes, const char *provider,
		    const struct unit_attached *a)
{
	char list[LIST_MAX];
	char key[2 * BW_KUBE_NAME_MAX];

	(void)snprintf(key, sizeof(key), "%s.kubernetes.io/ip_address",
		       provider); /* fits, or the server refuses the key */
	put_once(b, notes, key, join(a, "", list));
	if (!a->mac)
		return;
	(void)snprintf(key, sizeof(key), "%s.kubernetes.io/mac_address", provider); /* as above */
	put_once(b, notes, key, a->mac);
}

/* What a network's selection says of the addresses; those of our own plugins ask the claim. */
static void put_wishes(struct bw_json_build *b, struct cJSON *entry, const struct unit_attached *a)
{
	struct cJSON *list;

	if (!is_foreign(a->mode))
		return;
	cJSON_DeleteItemFromObjectCaseSensitive(entry, "ips");
	list = bw_json_put_array(b, entry, "ips");
	for (size_t i = 0; i < a->n; i++) {
		char text[BW_PREFIX_STR_MAX];

		(void)snprintf(text, sizeof(text), "%s/%u", a->ips[i].text,
			       a->ips[i].len); /* fits */
		bw_json_put_str(b, list, NULL, text);
	}
	if (a->mac)
		put_once(b, entry, "mac", a->mac);
}

static void put_selection(struct bw_json_build *b, struct cJSON *list,
			  const struct unit_attached *a)
{
	struct cJSON *e = bw_json_put_object(b, list, NULL);

	bw_json_put_str(b, e, "name", a->network);
	bw_json_put_str(b, e, "namespace", a->ns);
	put_wishes(b, e, a);
}

static void put_text(struct bw_json_build *b, struct cJSON *notes, const char *key,
		     struct bw_json_build *list)
{
	bw_autofree char *text = NULL;

	if (list->failed || bw_json_print(list->root, 0, &text, NULL) < 0)
		b->failed = 1;
	else
		put_once(b, notes, key, text);
}

/* The one that stands in the place of the cluster's. */
static void put_default(struct bw_json_build *b, struct cJSON *notes, const struct unit_attached *a)
{
	bw_autobuild struct bw_json_build list = { 0 };

	put_selection(&list, bw_json_build_array(&list), a);
	put_text(b, notes, UNIT_ANN_DEFAULT_NETWORK, &list);
}

static void put_first(struct bw_json_build *b, struct cJSON *notes, const struct unit_attached *a)
{
	if (a->mode == BW_NET_POOL_MODE_CALICO)
		put_calico(b, notes, a);
	else if (a->mode == BW_NET_POOL_MODE_KUBE_OVN)
		put_ovn(b, notes, "ovn", a);
	else if (a->mode == BW_NET_POOL_MODE_EXTERNAL && a->named)
		put_default(b, notes, a);
}

/* THE SELECTION OF MULTUS */

static int add_word(struct bw_json_build *b, struct cJSON *list, char *word)
{
	struct cJSON *e = bw_json_put_object(b, list, NULL);
	char *at = strchr(word, '@');
	char *slash;

	if (at)
		*at++ = '\0';
	slash = strchr(word, '/');
	if (slash) {
		*slash++ = '\0';
		bw_json_put_str(b, e, "namespace", word);
	}
	bw_json_put_str(b, e, "name", slash ? slash : word);
	if (at)
		bw_json_put_str(b, e, "interface", at);
	return slash ? *slash != '\0' : *word != '\0';
}

/* "[NAMESPACE/]NAME[@INTERFACE]", parted by commas. */
static int read_words(const char *text, struct bw_json_build *b)
{
	bw_autofree char *copy = strdup(text);
	struct cJSON *list = bw_json_build_array(b);
	char *rest = copy;
	int good = 1;

	for (char *word = copy ? strsep(&rest, ",") : NULL; word && good;
	     word = strsep(&rest, ",")) {
		size_t n;

		word += strspn(word, " \t\n");
		n = strcspn(word, " \t\n");
		good = word[n + strspn(word + n, " \t\n")] == '\0';
		word[n] = '\0';
		good = good && add_word(b, list, word);
	}
	if (!copy)
		b->failed = 1;
	return good ? 0 : -EINVAL;
}

static int read_json(const char *text, struct bw_json_build *b)
{
	bw_autojson struct cJSON *tree = NULL;
	struct cJSON *list = bw_json_build_array(b);
	const struct cJSON *e;
	int r = bw_json_parse(text, strlen(text), &tree, NULL);

	if (r == -ENOMEM) {
		b->failed = 1;
		return 0;
	}
	if (r < 0 || !cJSON_IsArray(tree))
		return -EINVAL;
	cJSON_ArrayForEach (e, tree) {
		if (!bw_json_get_str(e, "name"))
			return -EINVAL;
		bw_json_put_tree(b, list, NULL, e);
	}
	return 0;
}

int unit_read_networks(const char *text, struct bw_json_build *b)
{
	if (!text || !*text)
		return 0;
	return strpbrk(text, "[{\"") ? read_json(text, b) : read_words(text, b);
}

/* The entry that the template has for the interface already: its network is the one. */
static struct cJSON *entry_of(struct cJSON *list, const char *interface)
{
	struct cJSON *e;

	cJSON_ArrayForEach (e, list) {
		const char *is = bw_json_get_str(e, "interface");

		if (is && strcmp(is, interface) == 0)
			return e;
	}
	return NULL;
}

static void put_networks(struct bw_json_build *b, struct cJSON *notes,
			 const struct unit_attachments *all)
{
	bw_autobuild struct bw_json_build build = { 0 };
	const char *said = bw_json_get_str(notes, UNIT_ANN_NETWORKS);
	struct cJSON *list;

	/* What cannot be read makes no pod: unit_modes() says so. */
	if (unit_read_networks(said, &build) < 0)
		return;
	list = bw_json_build_array(&build);
	for (size_t i = 0; i < all->n; i++) {
		const struct unit_attached *a = &all->v[i];
		struct cJSON *e;

		if (strcmp(a->name, UNIT_INTERFACE) == 0)
			continue;
		e = entry_of(list, a->name);
		if (e) {
			put_wishes(&build, e, a);
			continue;
		}
		put_selection(&build, list, a);
		e = cJSON_GetArrayItem(list, cJSON_GetArraySize(list) - 1);
		bw_json_put_str(&build, e, "interface", a->name);
	}
	put_text(b, notes, UNIT_ANN_NETWORKS, &build);
}

void unit_put_modes(const struct unit_run *k, struct bw_json_build *b, struct cJSON *notes)
{
	struct unit_attachments all;
	size_t more = 0;

	if (k->claim_state != UNIT_CLAIM_BOUND)
		return;
	if (unit_find_attachments(k, &all) < 0)
		b->failed = 1; /* the next pass tries again */
	for (size_t i = 0; i < all.n; i++) {
		const struct unit_attached *a = &all.v[i];
		char provider[sizeof(a->network) + sizeof(a->ns) + 8];

		if (strcmp(a->name, UNIT_INTERFACE) == 0) {
			put_first(b, notes, a);
			continue;
		}
		more++;
		(void)snprintf(provider, sizeof(provider), "%s.%s.ovn", a->network,
			       a->ns); /* fits */
		if (a->mode == BW_NET_POOL_MODE_KUBE_OVN)
			put_ovn(b, notes, provider, a);
	}
	if (more)
		put_networks(b, notes, &all);
}
