/* SPDX-License-Identifier: Apache-2.0 */
/* barewire net show: ports as a table or as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <bw/buf.h>
#include <bw/err.h>
#include <bw/json.h>

#include "cli.h"
#include "net.h"
#include "net_port.h"

static const char *const path_names[] = {
	[BW_PATH_RX_FAST] = "rxFast",
	[BW_PATH_RX_SLOW] = "rxSlow",
	[BW_PATH_TX_FAST] = "txFast",
	[BW_PATH_TX_SLOW] = "txSlow",
};

static const char *text_or(const char *s, const char *other)
{
	return s && *s ? s : other;
}

static uint64_t drops_of(const struct bw_stat *s)
{
	uint64_t n = 0;

	for (int i = 0; i < BW_DROPS_MAX; i++)
		n += s->drops[i];
	return n;
}

/* "mac 3, arp 1" */
static int put_drops(struct bw_buf *b, const struct bw_stat *s)
{
	int r = 0;

	for (unsigned int i = 0; i < BW_DROPS_MAX && !r; i++)
		if (s->drops[i])
			r = bw_buf_printf(b, "%s%s %" PRIu64, b->size ? ", " : "", bw_drop_str(i),
					  (uint64_t)s->drops[i]);
	return r;
}

static int put_addrs(struct bw_buf *b, const struct cli_port *p)
{
	char s[BW_IP_STR_MAX];
	int r = 0;

	for (unsigned int i = 0; i < p->n_addrs && !r; i++)
		r = bw_buf_printf(b, "%s%s", i ? "," : "", bw_ip_str(&p->addrs[i].ip, s));
	for (unsigned int i = 0; i < p->dp.n_v4 && !p->n_addrs && !r; i++)
		r = bw_buf_printf(b, "%s%s", b->size ? "," : "",
				  bw_ip_str(&p->dp.v4[i].prefix.ip, s));
	for (unsigned int i = 0; i < p->dp.n_v6 && !p->n_addrs && !r; i++)
		r = bw_buf_printf(b, "%s%s", b->size ? "," : "",
				  bw_ip_str(&p->dp.v6[i].prefix.ip, s));
	return r;
}

static void put_segment(const struct cli_port *p, char ret[48])
{
	char vlan[12] = "";

	if (p->dp.vlan)
		(void)snprintf(vlan, sizeof(vlan), "/%u", p->dp.vlan); /* fits, ignoring */
	(void)snprintf(ret, 48, "%s%s%s%s", text_or(p->bridge, "?"), vlan,
		       p->uplink[0] ? " via " : "", p->uplink); /* fits, ignoring */
}

/* Nobody reads what cannot be printed: printf's returns are ignored below. */
static int print_row(const struct cli_port *p, int wide, struct bw_err *err)
{
	bw_autobuf struct bw_buf addrs = { 0 };
	bw_autobuf struct bw_buf drops = { 0 };
	const struct bw_stat *s = &p->dp.stat;
	char mac[BW_MAC_STR_MAX];
	char segment[48];
	int r = put_addrs(&addrs, p);

	if (!r)
		r = put_drops(&drops, &p->dp.stat);
	if (r)
		return bw_fail(err, -r, "print a port");
	put_segment(p, segment);
	(void)printf("%-15s  %-24s  %-24s  %-20s  %-6s  %10" PRIu64 "  %10" PRIu64 "  %s",
		     p->dp.host_if, text_or(p->pod, text_or(p->container, "-")),
		     text_or(addrs.data, "-"), segment,
		     p->dp.is_uplink ? "uplink" : cli_port_path(p),
		     (uint64_t)(s->packets[BW_PATH_RX_FAST] + s->packets[BW_PATH_TX_FAST]),
		     (uint64_t)(s->packets[BW_PATH_RX_SLOW] + s->packets[BW_PATH_TX_SLOW]),
		     text_or(drops.data, "-"));
	if (wide)
		(void)printf("  %-17s  %-6s  %-9s  %" PRIu64 "/%" PRIu64 "  %s",
			     bw_mac_str(&p->dp.mac, mac),
			     p->in_datapath ? bw_dp_hook_str(p->dp.hook) : "-",
			     text_or(p->state, "-"), p->dp.rx_rate_bps, p->dp.tx_rate_bps,
			     text_or(p->dp.abi, "-"));
	(void)printf("%s%s\n", !p->dp.is_uplink && *cli_port_why(p) ? "  " : "",
		     p->dp.is_uplink ? "" : cli_port_why(p));
	return 0;
}

static int print_table(const struct cli_ports *ports, const struct cli_port *one, int wide,
		       struct bw_err *err)
{
	int r = 0;

	(void)printf("%-15s  %-24s  %-24s  %-20s  %-6s  %10s  %10s  %s", "DEVICE", "POD",
		     "ADDRESSES", "SEGMENT", "PATH", "FAST", "SLOW", "DROPS");
	if (wide)
		(void)printf("  %-17s  %-6s  %-9s  %s  %s", "MAC", "HOOK", "STATE", "RATE(RX/TX)",
			     "ABI");
	(void)printf("  %s\n", "WHY");
	for (unsigned int i = 0; i < ports->n && !r; i++)
		if (!one || one == &ports->v[i])
			r = print_row(&ports->v[i], wide, err);
	return r;
}

static void json_counters(struct bw_json_build *b, struct cJSON *o, const struct bw_stat *s)
{
	struct cJSON *counters = bw_json_put_object(b, o, "counters");
	struct cJSON *drops = bw_json_put_object(b, o, "drops");

	for (int i = 0; i < BW_PATH_MAX_; i++) {
		struct cJSON *c = bw_json_put_object(b, counters, path_names[i]);

		bw_json_put_uint(b, c, "packets", s->packets[i]);
		bw_json_put_uint(b, c, "bytes", s->bytes[i]);
	}
	for (unsigned int i = 1; i < BW_DROP_MAX_; i++)
		bw_json_put_uint(b, drops, bw_drop_str(i), s->drops[i]);
	bw_json_put_uint(b, o, "dropped", drops_of(s));
}

static void json_addrs(struct bw_json_build *b, struct cJSON *o, const struct cli_port *p)
{
	struct cJSON *list = bw_json_put_array(b, o, "addresses");
	struct cJSON *allowed = bw_json_put_array(b, o, "allowed");
	char s[BW_PREFIX_STR_MAX];

	for (unsigned int i = 0; i < p->n_addrs; i++)
		bw_json_put_str(b, list, NULL, bw_prefix_str(&p->addrs[i], s));
	for (unsigned int i = 0; i < p->dp.n_v4; i++)
		bw_json_put_str(b, allowed, NULL, bw_prefix_str(&p->dp.v4[i].prefix, s));
	for (unsigned int i = 0; i < p->dp.n_v6; i++)
		bw_json_put_str(b, allowed, NULL, bw_prefix_str(&p->dp.v6[i].prefix, s));
}

static void json_holder(struct bw_json_build *b, struct cJSON *o, const struct cli_port *p)
{
	if (!p->in_journal)
		return;
	bw_json_put_str(b, o, "container", p->container);
	bw_json_put_str(b, o, "ifname", p->ifname);
	bw_json_put_str(b, o, "pod", p->pod);
	bw_json_put_str(b, o, "network", p->network);
	bw_json_put_str(b, o, "state", p->state);
}

static void json_endpoint(struct bw_json_build *b, struct cJSON *o, const struct cli_port *p)
{
	static const struct {
		const char *name;
		uint32_t flag;
	} flags[] = {
		{ "checksMac", BW_EP_F_CHECK_MAC }, { "checksIp", BW_EP_F_CHECK_IP },
		{ "isolated", BW_EP_F_ISOLATED },   { "trunk", BW_EP_F_TRUNK },
		{ "hairpin", BW_EP_F_HAIRPIN },     { "slow", BW_EP_F_SLOW },
	};

	json_holder(b, o, p);
	json_addrs(b, o, p);
	bw_json_put_str(b, o, "path", cli_port_path(p));
	bw_json_put_str(b, o, "why", cli_port_why(p));
	for (size_t i = 0; i < BW_ARRAY_SIZE(flags); i++)
		bw_json_put_bool(b, o, flags[i].name, (p->dp.flags & flags[i].flag) != 0);
	bw_json_put_bool(b, o, "stickyFlows", p->dp.sticky);
	bw_json_put_uint(b, o, "rxRate", p->dp.rx_rate_bps);
	bw_json_put_uint(b, o, "txRate", p->dp.tx_rate_bps);
}

static void json_port(struct bw_json_build *b, struct cJSON *list, const struct cli_port *p)
{
	struct cJSON *o = bw_json_put_object(b, list, NULL);
	char mac[BW_MAC_STR_MAX];

	bw_json_put_str(b, o, "device", p->dp.host_if);
	bw_json_put_int(b, o, "ifindex", p->dp.ifindex);
	bw_json_put_bool(b, o, "present", p->dp.present);
	bw_json_put_str(b, o, "bridge", p->bridge);
	bw_json_put_str(b, o, "uplink", p->uplink);
	bw_json_put_uint(b, o, "vlan", p->dp.vlan);
	if (!p->dp.is_uplink) {
		bw_json_put_str(b, o, "mac", bw_mac_str(&p->dp.mac, mac));
		json_endpoint(b, o, p);
	}
	bw_json_put_str(b, o, "hook", bw_dp_hook_str(p->dp.hook));
	bw_json_put_str(b, o, "abi", p->dp.abi);
	json_counters(b, o, &p->dp.stat);
}

static int print_json(const struct cli_ports *ports, const struct cli_port *one)
{
	bw_autobuild struct bw_json_build b = { 0 };
	struct cJSON *top = bw_json_build_object(&b);
	struct cJSON *endpoints = bw_json_put_array(&b, top, "endpoints");
	struct cJSON *uplinks = bw_json_put_array(&b, top, "uplinks");

	for (unsigned int i = 0; i < ports->n; i++)
		if (!one || one == &ports->v[i])
			json_port(&b, ports->v[i].dp.is_uplink ? uplinks : endpoints, &ports->v[i]);
	return cli_print_json(&b);
}

int net_show(const struct cli_args *args)
{
	cli_autoports struct cli_ports ports = { 0 };
	const struct cli_port *one = NULL;
	struct bw_err err = { 0 };
	int r = cli_ports_read(args, &ports, &err);

	if (r)
		return cli_fail(&err);
	if (args->n_words) {
		one = cli_ports_find(&ports, args->words[0]);
		if (!one) {
			(void)fprintf(stderr, "barewire: no port of this node is \"%.64s\"\n",
				      args->words[0]);
			return CLI_FOUND;
		}
	}
	if (args->json)
		return print_json(&ports, one);
	if (!ports.n) {
		(void)printf("no pod port of barewire on this node\n");
		return CLI_OK;
	}
	return print_table(&ports, one, args->wide, &err) ? cli_fail(&err) : CLI_OK;
}
