/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Declared addresses: the wishes of all channels are merged, equal ones are one, and each must be
 * one that its range set can give. What stands in the way in the journal is not looked at here.
 */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>

#include "conf.h"

#define LIST_TEXT_MAX 1024 /* characters of CNI_ARGS IP */

/* Everything that is looked at for one wish. */
struct wisher {
	struct bw_ipam_conf *conf;
	const struct ipam_reserved *reserved;
	size_t n_reserved;
};

/* "10.1.0.2-10.1.0.254, fd00::1-fd00::ff" as far as it fits. */
static const char *sets_str(const struct bw_ipam_conf *conf, char *out, size_t size)
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < conf->n_sets; i++)
		for (size_t k = 0; k < conf->sets[i].n; k++) {
			char s[BW_RANGE_STR_MAX];

			(void)bw_range_str(&conf->sets[i].ranges[k], s);
			if (len + strlen(s) + sizeof(", , ...") > size) {
				memcpy(out + len, ", ...", sizeof(", ..."));
				return out;
			}
			/* was measured, ignoring */
			(void)snprintf(out + len, size - len, "%s%s", len ? ", " : "", s);
			len = strlen(out);
		}
	return out;
}

static int refuse_outside(const struct bw_ipam_conf *conf, const struct bw_ip *ip, const char *from,
			  struct bw_err *err)
{
	char s[BW_IP_STR_MAX];
	char sets[256];

	for (size_t i = 0; i < conf->n_sets; i++)
		if (bw_range_set_is_gateway(&conf->sets[i], ip))
			return bw_reject(err, BW_ERR_INVALID, EINVAL,
					 "%s: %s is the gateway's address", from, bw_ip_str(ip, s));
	return bw_reject(err, BW_ERR_INVALID, EINVAL, "%s: expected an address in %s, got %s", from,
			 sets_str(conf, sets, sizeof(sets)), bw_ip_str(ip, s));
}

/* Excluded, a gateway, or reserved for somebody else. */
static int check_allowed(const struct wisher *w, size_t set, const struct bw_ip *ip,
			 const char *from, struct bw_err *err)
{
	const struct ipam_reserved *res = ipam_reserved_find(w->reserved, w->n_reserved, ip);
	char s[BW_IP_STR_MAX];

	if (bw_range_set_is_gateway(&w->conf->sets[set], ip))
		return bw_reject(err, BW_ERR_INVALID, EINVAL, "%s: %s is the gateway's address",
				 from, bw_ip_str(ip, s));
	if (res && !res->mine)
		return bw_reject(err, BW_ERR_INVALID, EINVAL, "%s: %s is reserved for \"%.80s\"",
				 from, bw_ip_str(ip, s), res->of->key);
	for (size_t i = 0; i < w->conf->n_excludes; i++)
		if (bw_interval_has(&w->conf->excludes[i], ip))
			return bw_reject(err, BW_ERR_INVALID, EINVAL,
					 "%s: %s is excluded by the pool's exclude", from,
					 bw_ip_str(ip, s));
	return 0;
}

static int check_prefix(const struct bw_range *r, const struct bw_prefix *p, const char *from,
			struct bw_err *err)
{
	char s[BW_PREFIX_STR_MAX];

	if (p->len == r->subnet.len)
		return 0;
	return bw_reject(err, BW_ERR_INVALID, EINVAL,
			 "%s: expected the range's prefix length %u or none, got %s", from,
			 r->subnet.len, bw_prefix_str(p, s));
}

static int add_wish(const struct wisher *w, const char *text, const char *from, struct bw_err *err)
{
	const struct bw_range *range = NULL;
	struct ipam_wish *wish;
	struct bw_prefix p;
	char a[BW_IP_STR_MAX];
	char b[BW_IP_STR_MAX];
	int has_len;
	size_t i;
	int r;

	if (bw_ip_or_prefix_parse(text, &p, &has_len) < 0)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "%s: expected an address such as 10.1.0.7 or 10.1.0.7/24, got "
				 "\"%.64s\"",
				 from, text);
	for (i = 0; i < w->conf->n_sets && !range; i++)
		range = bw_range_set_find(&w->conf->sets[i], &p.ip);
	if (!range)
		return refuse_outside(w->conf, &p.ip, from, err);
	wish = &w->conf->wishes[i - 1];
	r = check_allowed(w, i - 1, &p.ip, from, err);
	if (r == 0 && has_len)
		r = check_prefix(range, &p, from, err);
	if (r < 0)
		return r;
	if (wish->ip.family && !bw_ip_eq(&wish->ip, &p.ip))
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "%s: %s and %s: %s are two different addresses of one range set",
				 wish->from, bw_ip_str(&wish->ip, a), from, bw_ip_str(&p.ip, b));
	if (!wish->ip.family) {
		wish->ip = p.ip;
		/* cut is fine, ignoring */
		(void)snprintf(wish->from, sizeof(wish->from), "%s", from);
	}
	return 0;
}

static int add_list(const struct wisher *w, const struct bw_json_list *list, const char *path,
		    struct bw_err *err)
{
	const char *const *texts = list->items;

	for (size_t i = 0; i < list->n; i++) {
		char from[64];
		int r;

		(void)snprintf(from, sizeof(from), "%s[%zu]", path, i); /* fits, ignoring */
		r = add_wish(w, texts[i], from, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* CNI_ARGS IP: one address, or several parted by commas. */
static int add_args(const struct wisher *w, struct bw_err *err)
{
	const char *arg = bw_cni_request_arg(w->conf->req, "IP");
	char text[LIST_TEXT_MAX];
	char *save = NULL;

	if (!arg || !*arg)
		return 0;
	if (strlen(arg) >= sizeof(text))
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "CNI_ARGS IP: expected addresses parted by commas, got %zu "
				 "characters",
				 strlen(arg));
	memcpy(text, arg, strlen(arg) + 1);
	for (char *s = strtok_r(text, ",", &save); s; s = strtok_r(NULL, ",", &save)) {
		int r = add_wish(w, s, "CNI_ARGS IP", err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int add_reservations(const struct wisher *w, struct bw_err *err)
{
	for (size_t i = 0; i < w->n_reserved; i++) {
		char from[64];
		int r;

		if (!w->reserved[i].mine)
			continue;
		/* fits, ignoring */
		(void)snprintf(from, sizeof(from), "ipam.reservations[%zu].address",
			       w->reserved[i].index);
		r = add_wish(w, w->reserved[i].text, from, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int ipam_conf_wishes(struct bw_ipam_conf *conf, const struct ipam_reserved *reserved,
		     size_t n_reserved, struct bw_err *err)
{
	const struct wisher w = { conf, reserved, n_reserved };
	int r = add_list(&w, &conf->top.runtime.ips, "runtimeConfig.ips", err);

	if (r == 0)
		r = add_list(&w, &conf->top.args.cni.ips, "args.cni.ips", err);
	if (r == 0)
		r = add_args(&w, err);
	if (r == 0)
		r = add_reservations(&w, err);
	return r;
}
