/* SPDX-License-Identifier: Apache-2.0 */
/* Reservations: whose they are, and that no address is promised twice. */
#include <string.h>

#include <bw/err.h>

#include "conf.h"

/* NAME=value is a CNI_ARGS pair, namespace/name is the pod; nothing else is a key. */
static int check_key(const struct ipam_reservation_in *r, size_t i, struct bw_err *err)
{
	const char *eq = strchr(r->key, '=');
	const char *slash = strchr(r->key, '/');

	if (eq ? eq > r->key && eq[1] : slash && slash > r->key && slash[1])
		return 0;
	return bw_reject(err, BW_ERR_INVALID, EINVAL,
			 "ipam.reservations[%zu].key: expected the pod's namespace/name or a "
			 "CNI_ARGS pair NAME=value, got \"%.80s\"",
			 i, r->key);
}

static int is_mine(const struct bw_ipam_conf *conf, const struct ipam_reservation_in *r)
{
	const char *eq = strchr(r->key, '=');

	if (!eq)
		return conf->pod[0] && strcmp(conf->pod, r->key) == 0;
	for (size_t i = 0; i < conf->req->n_args; i++) {
		const struct bw_cni_arg *a = &conf->req->args[i];

		if (strlen(a->key) == (size_t)(eq - r->key) &&
		    memcmp(a->key, r->key, (size_t)(eq - r->key)) == 0 &&
		    strcmp(a->value, eq + 1) == 0)
			return 1;
	}
	return 0;
}

static int take_mac(struct bw_ipam_conf *conf, const struct ipam_reservation_in *r, size_t i,
		    struct bw_err *err)
{
	char a[BW_MAC_STR_MAX];
	char b[BW_MAC_STR_MAX];

	if (!r->has_mac)
		return 0;
	if (conf->has_mac && !bw_mac_eq(&conf->mac, &r->mac))
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "ipam.reservations[%zu].mac: %s, but another reservation of the "
				 "same pod says %s",
				 i, bw_mac_str(&r->mac, a), bw_mac_str(&conf->mac, b));
	conf->mac = r->mac;
	conf->has_mac = 1;
	return 0;
}

static int cmp_reserved(const void *a, const void *b)
{
	const struct ipam_reserved *x = a;
	const struct ipam_reserved *y = b;
	int c = bw_ip_cmp(&x->ip, &y->ip);

	return c ? c : (x->index > y->index) - (x->index < y->index);
}

static int check_twice(const struct ipam_reserved *list, size_t n, struct bw_err *err)
{
	char s[BW_IP_STR_MAX];

	for (size_t i = 1; i < n; i++)
		if (bw_ip_eq(&list[i - 1].ip, &list[i].ip) &&
		    strcmp(list[i - 1].of->key, list[i].of->key) != 0)
			return bw_reject(
				err, BW_ERR_INVALID, EINVAL,
				"ipam.reservations[%zu].address: %s is reserved for \"%.80s\" "
				"already",
				list[i].index, bw_ip_str(&list[i].ip, s), list[i - 1].of->key);
	return 0;
}

static int add_addresses(const struct ipam_reservation_in *r, size_t i, int mine,
			 struct ipam_reserved *list, size_t *n, struct bw_err *err)
{
	const char *const *texts = r->addresses.items;

	for (size_t k = 0; k < r->addresses.n; k++) {
		struct bw_prefix p;
		int has_len;

		if (bw_ip_or_prefix_parse(texts[k], &p, &has_len) < 0)
			return bw_reject(err, BW_ERR_INVALID, EINVAL,
					 "ipam.reservations[%zu].address: expected an address such "
					 "as 10.1.0.7 or 10.1.0.7/24, got \"%.64s\"",
					 i, texts[k]);
		list[*n].ip = p.ip;
		list[*n].text = texts[k];
		list[*n].of = r;
		list[*n].index = i;
		list[*n].mine = (uint8_t)mine;
		(*n)++;
	}
	return 0;
}

int ipam_reserved_list(struct bw_ipam_conf *conf, struct ipam_reserved **ret, size_t *ret_n,
		       struct bw_err *err)
{
	const struct ipam_reservation_in *in = conf->in.reservations.items;
	bw_autofree struct ipam_reserved *list = NULL;
	size_t total = 0;
	size_t n = 0;
	int r;

	for (size_t i = 0; i < conf->in.reservations.n; i++) {
		r = check_key(&in[i], i, err);
		if (r < 0)
			return r;
		if (!in[i].addresses.n && !in[i].has_mac)
			return bw_reject(err, BW_ERR_INVALID, EINVAL,
					 "ipam.reservations[%zu].address: expected an address or a "
					 "list of addresses, got nothing",
					 i);
		total += in[i].addresses.n;
	}
	if (total > BW_RANGE_HOLES_MAX / 2)
		return bw_reject(err, BW_ERR_INVALID, E2BIG,
				 "ipam.reservations: expected at most %d addresses, got %zu",
				 BW_RANGE_HOLES_MAX / 2, total);
	list = calloc(total + 1, sizeof(*list));
	if (!list)
		return bw_fail(err, ENOMEM, "read ipam.reservations");
	for (size_t i = 0; i < conf->in.reservations.n; i++) {
		int mine = is_mine(conf, &in[i]);

		r = add_addresses(&in[i], i, mine, list, &n, err);
		if (r == 0 && mine)
			r = take_mac(conf, &in[i], i, err);
		if (r < 0)
			return r;
	}
	qsort(list, n, sizeof(*list), cmp_reserved);
	r = check_twice(list, n, err);
	if (r < 0)
		return r;
	*ret = BW_TAKE_PTR(list);
	*ret_n = n;
	return 0;
}

static int cmp_key(const void *key, const void *item)
{
	return bw_ip_cmp(key, &((const struct ipam_reserved *)item)->ip);
}

const struct ipam_reserved *ipam_reserved_find(const struct ipam_reserved *list, size_t n,
					       const struct bw_ip *ip)
{
	return n ? bsearch(ip, list, n, sizeof(*list), cmp_key) : NULL;
}
