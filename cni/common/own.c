/* SPDX-License-Identifier: Apache-2.0 */
/* The attachment's own part of a result. */
#include <stdlib.h>
#include <string.h>

#include <bw/cni_prevresult.h>
#include <bw/err.h>
#include <bw/own.h>
#include <bw/plugin_conf.h>

int bw_own_begin(struct bw_own *own, const struct bw_cni_request *req, struct bw_err *err)
{
	int r = bw_cni_prevresult(req, own->result, err);

	own->first_if = own->result->n_ifs;
	own->first_ip = own->result->n_ips;
	own->first_route = own->result->n_routes;
	return r < 0 ? r : 0;
}

size_t bw_own_ips(const struct bw_own *own, struct bw_ip *out, size_t max)
{
	size_t n = 0;

	for (size_t i = own->first_ip; i < own->result->n_ips && n < max; i++)
		out[n++] = own->result->ips[i].address.ip;
	return n;
}

const struct bw_ip *bw_own_first(const struct bw_own *own)
{
	const struct bw_ip *v6 = NULL;

	for (size_t i = own->first_ip; i < own->result->n_ips; i++) {
		const struct bw_ip *ip = &own->result->ips[i].address.ip;

		if (ip->family == AF_INET)
			return ip;
		if (!v6)
			v6 = ip;
	}
	return v6;
}

const struct bw_ip *bw_own_gateway(const struct bw_cni_result *result, size_t first_ip, int family)
{
	for (size_t i = first_ip; i < result->n_ips; i++)
		if (result->ips[i].gateway.family == family)
			return &result->ips[i].gateway;
	return NULL;
}

int bw_own_has_default(const struct bw_own *own, int family)
{
	const struct bw_cni_result *r = own->result;

	for (size_t i = own->first_route; i < r->n_routes; i++)
		if (r->routes[i].dst.ip.family == family && r->routes[i].dst.len == 0 &&
		    r->routes[i].gw.family)
			return 1;
	return 0;
}

int bw_own_append(struct bw_own *own, struct bw_cni_result *answer, struct bw_err *err)
{
	struct bw_cni_result *to = own->result;
	int r = 0;

	for (size_t i = 0; i < answer->n_ips && r == 0; i++) {
		answer->ips[i].interface = BW_CNI_NO_IF;
		r = bw_cni_result_add_ip(to, &answer->ips[i], err);
	}
	for (size_t i = 0; i < answer->n_routes && r == 0; i++)
		r = bw_cni_result_add_route(to, &answer->routes[i], err);
	if (r == 0) {
		struct bw_cni_dns old = to->dns;

		to->dns = answer->dns;
		answer->dns = old; /* freed with the rest of it */
	}
	return r;
}

/* Appends copies of @from to a list of a result's DNS. */
static int copy_list(const struct bw_json_list *from, char ***list, size_t *n)
{
	const char *const *items = from->items;

	if (!from->n)
		return 0;
	*list = calloc(from->n, sizeof(**list));
	if (!*list)
		return -ENOMEM;
	for (size_t i = 0; i < from->n; i++) {
		(*list)[i] = strdup(items[i]);
		if (!(*list)[i])
			return -ENOMEM;
		*n = i + 1;
	}
	return 0;
}

int bw_own_dns(struct bw_own *own, const struct bw_conf_dns *dns, struct bw_err *err)
{
	struct bw_cni_result old = { .dns = own->result->dns };
	struct bw_cni_dns *to = &own->result->dns;

	if (!bw_conf_has_dns(dns))
		return 0;
	memset(to, 0, sizeof(*to));
	bw_cni_result_done(&old);
	if (dns->domain && *dns->domain) {
		to->domain = strdup(dns->domain);
		if (!to->domain)
			return bw_fail(err, ENOMEM, "copy dns");
	}
	if (copy_list(&dns->nameservers, &to->nameservers, &to->n_nameservers) < 0 ||
	    copy_list(&dns->search, &to->search, &to->n_search) < 0 ||
	    copy_list(&dns->options, &to->options, &to->n_options) < 0)
		return bw_fail(err, ENOMEM, "copy dns");
	return 0;
}

void bw_own_bind(struct bw_own *own, size_t index)
{
	for (size_t i = own->first_ip; i < own->result->n_ips; i++)
		own->result->ips[i].interface = (int)(own->first_if + index);
}
