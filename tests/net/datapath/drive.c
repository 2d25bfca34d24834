/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls lib/datapath as the bridge plugin does, one verb a process. Built several times over: with
 * the real object, and with others whose layouts or sizes differ (mk/datapath.mk).
 *
 *     drive VERB [KEY=VALUE...]
 *     keys: if bridge uplink vlan bpf_vlan mac ip ip6 accel isolated rx tx on mtu
 */
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <bw/datapath.h>
#include <bw/err.h>

struct args {
	struct bw_dp_endpoint ep;
	int create;
	int on;
};

static int index_of(const char *name)
{
	int ifindex = (int)if_nametoindex(name);

	return ifindex ? ifindex : atoi(name);
}

static void add_ip(struct bw_dp_cidr *cidrs, unsigned int *n, const char *value)
{
	int has_len;

	if (*n < BW_EP_ADDRS_MAX && !bw_ip_or_prefix_parse(value, &cidrs[*n].prefix, &has_len))
		(*n)++;
}

static void set(struct args *a, const char *key, const char *value)
{
	struct bw_dp_endpoint *ep = &a->ep;

	if (!strcmp(key, "if")) {
		ep->ifindex = index_of(value);
		ep->host_if = value;
	} else if (!strcmp(key, "bridge")) {
		ep->segment.bridge = index_of(value);
	} else if (!strcmp(key, "uplink")) {
		ep->segment.uplink = index_of(value);
	} else if (!strcmp(key, "vlan")) {
		ep->segment.vlan = (uint16_t)atoi(value);
	} else if (!strcmp(key, "bpf_vlan")) {
		ep->segment.bpf_vlan = atoi(value) != 0;
	} else if (!strcmp(key, "mac")) {
		(void)bw_mac_parse(value, &ep->mac);
	} else if (!strcmp(key, "ip")) {
		add_ip(ep->v4, &ep->n_v4, value);
	} else if (!strcmp(key, "ip6")) {
		add_ip(ep->v6, &ep->n_v6, value);
	} else if (!strcmp(key, "rx")) {
		ep->rx_rate_bps = strtoull(value, NULL, 10);
	} else if (!strcmp(key, "tx")) {
		ep->tx_rate_bps = strtoull(value, NULL, 10);
	} else if (!strcmp(key, "accel") && !atoi(value)) {
		ep->flags &= ~BW_EP_F_ACCEL;
	} else if (!strcmp(key, "on")) {
		a->on = atoi(value);
	} else if (!strcmp(key, "create")) {
		a->create = atoi(value);
	}
}

static int do_open(struct args *a, struct bw_err *err)
{
	struct bw_dp *dp = NULL;
	int r = bw_dp_open(a->create, &dp, err);

	bw_dp_close(&dp);
	return r;
}

static int do_add(struct args *a, struct bw_err *err)
{
	struct bw_dp *dp = NULL;
	int r = bw_dp_open(a->create, &dp, err);

	if (!r)
		r = bw_dp_segment_ensure(dp, &a->ep.segment, err);
	if (!r && a->ep.ifindex)
		r = bw_dp_endpoint_add(dp, &a->ep, err);
	bw_dp_close(&dp);
	return r;
}

static int do_del(struct args *a, struct bw_err *err)
{
	return bw_dp_endpoint_del(a->ep.ifindex, a->ep.host_if, err);
}

static int do_remove(struct args *a, struct bw_err *err)
{
	return bw_dp_segment_remove(NULL, a->ep.segment.bridge, a->ep.segment.uplink, err);
}

static void print_drift(const char *what, void *arg)
{
	(void)arg;
	(void)puts(what);
}

static int do_check(struct args *a, struct bw_err *err)
{
	return bw_dp_endpoint_check(&a->ep, print_drift, NULL, err);
}

static int do_slow(struct args *a, struct bw_err *err)
{
	return bw_dp_endpoint_slow(a->ep.ifindex, a->on, err);
}

static int print_port(const struct bw_dp_port *p, void *arg, struct bw_err *err)
{
	char mac[BW_MAC_STR_MAX];

	(void)arg;
	(void)err;
	(void)printf("%s %s %s mac=%s present=%d slow=%d hook=%s rx_fast=%llu rx_slow=%llu "
		     "tx_fast=%llu tx_slow=%llu\n",
		     p->abi, p->is_uplink ? "uplink" : "endpoint", p->host_if,
		     bw_mac_str(&p->mac, mac), p->present, p->flags & BW_EP_F_SLOW ? 1 : 0,
		     bw_dp_hook_str(p->hook), (unsigned long long)p->stat.packets[BW_PATH_RX_FAST],
		     (unsigned long long)p->stat.packets[BW_PATH_RX_SLOW],
		     (unsigned long long)p->stat.packets[BW_PATH_TX_FAST],
		     (unsigned long long)p->stat.packets[BW_PATH_TX_SLOW]);
	return 0;
}

static int do_list(struct args *a, struct bw_err *err)
{
	(void)a;
	return bw_dp_list(print_port, NULL, err);
}

static int do_sweep(struct args *a, struct bw_err *err)
{
	unsigned int n = 0;
	int r = bw_dp_sweep(&n, err);

	(void)a;
	(void)printf("%u\n", n);
	return r;
}

static int do_reload(struct args *a, struct bw_err *err)
{
	unsigned int n = 0;
	int r = 0;

	for (int i = 0; i < (a->on ? a->on : 1) && !r; i++)
		r = bw_dp_reload(&n, err);
	(void)printf("%u\n", n);
	return r;
}

static int do_abi(struct args *a, struct bw_err *err)
{
	(void)a;
	(void)err;
	(void)puts(bw_dp_abi());
	return 0;
}

static int do_probe(struct args *a, struct bw_err *err)
{
	struct bw_dp_caps caps;
	int r = bw_dp_probe(&caps, err);

	(void)a;
	if (!r)
		(void)printf("%s: %s\n", bw_dp_hook_str(caps.hook), caps.why);
	return r;
}

static int do_present(struct args *a, struct bw_err *err)
{
	struct bw_dp *dp = NULL;
	int ifindex = 0;
	int r = bw_dp_open(0, &dp, err);

	if (!r)
		r = bw_dp_mac_present(dp, &a->ep.segment, &a->ep.mac, &ifindex, err);
	if (!r)
		(void)printf("%d\n", ifindex);
	bw_dp_close(&dp);
	return r;
}

static const struct {
	const char *name;
	int (*fn)(struct args *a, struct bw_err *err);
} verbs[] = {
	{ "open", do_open },     { "add", do_add },     { "del", do_del },
	{ "remove", do_remove }, { "check", do_check }, { "slow", do_slow },
	{ "list", do_list },     { "sweep", do_sweep }, { "reload", do_reload },
	{ "abi", do_abi },       { "probe", do_probe }, { "present", do_present },
};

int main(int argc, char **argv)
{
	struct args a = { .create = 1 };
	struct bw_err err = { 0 };
	int r;

	a.ep.flags = BW_EP_F_CHECK_MAC | BW_EP_F_CHECK_IP | BW_EP_F_ACCEL;
	for (int i = 2; i < argc; i++) {
		char *value = strchr(argv[i], '=');

		if (!value)
			return 2;
		*value++ = '\0';
		set(&a, argv[i], value);
	}
	for (size_t i = 0; argc > 1 && i < BW_ARRAY_SIZE(verbs); i++) {
		if (strcmp(argv[1], verbs[i].name))
			continue;
		r = verbs[i].fn(&a, &err);
		if (r < 0)
			(void)fprintf(stderr, "%s: %s\n", bw_err_class_str(err.class), err.msg);
		return r < 0 ? 1 : r > 0 ? 3 : 0;
	}
	return 2;
}
