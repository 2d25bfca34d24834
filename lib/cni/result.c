/* SPDX-License-Identifier: Apache-2.0 */
/* A result as a value: appending, freeing, writing in the version that was asked for. */
#include <string.h>

#include <bw/cni_result.h>
#include <bw/cni_version.h>
#include <bw/err.h>
#include <bw/json.h>

#include "result.h"

static void if_done(struct bw_cni_if *i)
{
	free(i->name);
	free(i->sandbox);
	free(i->socket_path);
	free(i->pci_id);
}

static void strings_done(char ***list, size_t *n)
{
	for (size_t i = 0; i < *n; i++)
		free((*list)[i]);
	free(*list);
	*list = NULL;
	*n = 0;
}

void bw_cni_dns_done(struct bw_cni_dns *dns)
{
	if (!dns)
		return;
	free(dns->domain);
	strings_done(&dns->nameservers, &dns->n_nameservers);
	strings_done(&dns->search, &dns->n_search);
	strings_done(&dns->options, &dns->n_options);
	*dns = (struct bw_cni_dns){ 0 };
}

void bw_cni_result_done(struct bw_cni_result *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n_ifs; i++)
		if_done(&r->ifs[i]);
	free(r->ifs);
	free(r->ips);
	free(r->routes);
	bw_cni_dns_done(&r->dns);
	*r = (struct bw_cni_result){ 0 };
}

/* One of a result's lists while it grows. */
struct grow {
	void *items;
	size_t n, max, size;
	const char *what;
};

/* Makes room for one more item. 0; -ENOMEM; -E2BIG. */
static int grow(struct grow *g, struct bw_err *err)
{
	void *grown;

	if (g->n >= g->max)
		return bw_reject(err, BW_ERR_INVALID, E2BIG, "result has more than %zu %s", g->max,
				 g->what);
	grown = reallocarray(g->items, g->n + 1, g->size);
	if (!grown)
		return bw_fail(err, ENOMEM, "add to the result's %s", g->what);
	g->items = grown;
	return 0;
}

/* Copies @from where it is not NULL. Returns 0 or -ENOMEM. */
static int copy(char **to, const char *from)
{
	if (!from)
		return 0;
	*to = strdup(from);
	return *to ? 0 : -ENOMEM;
}

int bw_cni_result_add_if(struct bw_cni_result *r, const struct bw_cni_if *i, struct bw_err *err)
{
	struct bw_cni_if new = { .mac = i->mac, .has_mac = i->has_mac, .mtu = i->mtu };
	struct grow g = { r->ifs, r->n_ifs, BW_CNI_IFS_MAX, sizeof(*r->ifs), "interfaces" };
	int status = grow(&g, err);

	if (status < 0)
		return status;
	r->ifs = g.items;
	if (copy(&new.name, i->name) < 0 || copy(&new.sandbox, i->sandbox) < 0 ||
	    copy(&new.socket_path, i->socket_path) < 0 || copy(&new.pci_id, i->pci_id) < 0) {
		if_done(&new);
		return bw_fail(err, ENOMEM, "add an interface to the result");
	}
	r->ifs[r->n_ifs++] = new;
	return 0;
}

int bw_cni_result_add_ip(struct bw_cni_result *r, const struct bw_cni_ip *i, struct bw_err *err)
{
	struct grow g = { r->ips, r->n_ips, BW_CNI_IPS_MAX, sizeof(*r->ips), "addresses" };
	int status = grow(&g, err);

	if (status < 0)
		return status;
	r->ips = g.items;
	r->ips[r->n_ips++] = *i;
	return 0;
}

int bw_cni_result_add_route(struct bw_cni_result *r, const struct bw_cni_route *i,
			    struct bw_err *err)
{
	struct grow g = { r->routes, r->n_routes, BW_CNI_ROUTES_MAX, sizeof(*r->routes), "routes" };
	int status = grow(&g, err);

	if (status < 0)
		return status;
	r->routes = g.items;
	r->routes[r->n_routes++] = *i;
	return 0;
}

int bw_cni_dns_add(char ***list, size_t *n, const char *text, struct bw_err *err)
{
	struct grow g = { *list, *n, BW_CNI_DNS_MAX, sizeof(**list), "DNS entries" };
	int status = grow(&g, err);
	char *copied;

	if (status < 0)
		return status;
	*list = g.items;
	copied = strdup(text);
	if (!copied)
		return bw_fail(err, ENOMEM, "add to the result's DNS entries");
	(*list)[(*n)++] = copied;
	return 0;
}

static void write_ifs(const struct bw_cni_result *r, int full, struct bw_json_build *b,
		      struct cJSON *root)
{
	struct cJSON *list = r->n_ifs ? bw_json_put_array(b, root, "interfaces") : NULL;

	for (size_t i = 0; i < r->n_ifs; i++) {
		const struct bw_cni_if *in = &r->ifs[i];
		struct cJSON *out = bw_json_put_object(b, list, NULL);
		char mac[BW_MAC_STR_MAX];

		bw_json_put_str(b, out, "name", in->name ? in->name : "");
		if (in->has_mac)
			bw_json_put_str(b, out, "mac", bw_mac_str(&in->mac, mac));
		if (full && in->mtu)
			bw_json_put_int(b, out, "mtu", in->mtu);
		if (in->sandbox && *in->sandbox)
			bw_json_put_str(b, out, "sandbox", in->sandbox);
		if (full && in->socket_path)
			bw_json_put_str(b, out, "socketPath", in->socket_path);
		if (full && in->pci_id)
			bw_json_put_str(b, out, "pciID", in->pci_id);
	}
}

static void write_ips(const struct bw_cni_result *r, int with_version, struct bw_json_build *b,
		      struct cJSON *root)
{
	struct cJSON *list = r->n_ips ? bw_json_put_array(b, root, "ips") : NULL;

	for (size_t i = 0; i < r->n_ips; i++) {
		const struct bw_cni_ip *in = &r->ips[i];
		struct cJSON *out = bw_json_put_object(b, list, NULL);
		char prefix[BW_PREFIX_STR_MAX], gateway[BW_IP_STR_MAX];

		if (with_version)
			bw_json_put_str(b, out, "version",
					in->address.ip.family == AF_INET ? "4" : "6");
		if (in->interface != BW_CNI_NO_IF)
			bw_json_put_int(b, out, "interface", in->interface);
		bw_json_put_str(b, out, "address", bw_prefix_str(&in->address, prefix));
		if (in->gateway.family)
			bw_json_put_str(b, out, "gateway", bw_ip_str(&in->gateway, gateway));
	}
}

void bw_cni_route_write(const struct bw_cni_route *route, int full, struct bw_json_build *b,
			struct cJSON *list)
{
	struct cJSON *out = bw_json_put_object(b, list, NULL);
	char dst[BW_PREFIX_STR_MAX], gw[BW_IP_STR_MAX];

	bw_json_put_str(b, out, "dst", bw_prefix_str(&route->dst, dst));
	if (route->gw.family)
		bw_json_put_str(b, out, "gw", bw_ip_str(&route->gw, gw));
	if (!full)
		return;
	if (route->mtu)
		bw_json_put_int(b, out, "mtu", route->mtu);
	if (route->advmss)
		bw_json_put_int(b, out, "advmss", route->advmss);
	if (route->priority >= 0)
		bw_json_put_int(b, out, "priority", route->priority);
	if (route->table >= 0)
		bw_json_put_int(b, out, "table", route->table);
	if (route->scope >= 0)
		bw_json_put_int(b, out, "scope", route->scope);
}

static void write_strings(char *const *strings, size_t n, const char *key, struct bw_json_build *b,
			  struct cJSON *parent)
{
	struct cJSON *list = n ? bw_json_put_array(b, parent, key) : NULL;

	for (size_t i = 0; i < n; i++)
		bw_json_put_str(b, list, NULL, strings[i]);
}

static void write_dns(const struct bw_cni_dns *dns, struct bw_json_build *b, struct cJSON *root)
{
	struct cJSON *out = bw_json_put_object(b, root, "dns");

	write_strings(dns->nameservers, dns->n_nameservers, "nameservers", b, out);
	if (dns->domain)
		bw_json_put_str(b, out, "domain", dns->domain);
	write_strings(dns->search, dns->n_search, "search", b, out);
	write_strings(dns->options, dns->n_options, "options", b, out);
}

int bw_cni_result_to_json(const struct bw_cni_result *r, const char *version, struct cJSON **ret,
			  struct bw_err *err)
{
	bw_autobuild struct bw_json_build b = { 0 };
	struct cJSON *root = bw_json_build_object(&b);
	int full = bw_cni_version_at_least(version, "1.1.0");

	bw_json_put_str(&b, root, "cniVersion", version);
	if (bw_cni_version_at_least(version, "0.3.0")) {
		struct cJSON *list;

		write_ifs(r, full, &b, root);
		write_ips(r, !bw_cni_version_at_least(version, "1.0.0"), &b, root);
		list = r->n_routes ? bw_json_put_array(&b, root, "routes") : NULL;
		for (size_t i = 0; i < r->n_routes; i++)
			bw_cni_route_write(&r->routes[i], full, &b, list);
	} else {
		bw_cni_result_old_write(r, &b, root);
	}
	write_dns(&r->dns, &b, root);
	return bw_json_build_take(&b, ret, err);
}
