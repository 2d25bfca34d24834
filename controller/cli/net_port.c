/* SPDX-License-Identifier: Apache-2.0 */
/* Pod ports from the datapath's tables and the journal. */
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/journal.h>

#include "cli.h"
#include "net_port.h"

struct read {
	struct cli_ports *ports;
	struct bw_journal *j;
};

void cli_ports_done(struct cli_ports *p)
{
	for (unsigned int i = 0; i < p->n; i++) {
		free(p->v[i].container);
		free(p->v[i].network);
		free(p->v[i].pod);
		free(p->v[i].addrs);
	}
	free(p->v);
	*p = (struct cli_ports){ 0 };
}

/* Room for one more, zeroed; doubles at powers of two. */
static struct cli_port *add(struct cli_ports *p, struct bw_err *err)
{
	struct cli_port *v = p->v;

	if (p->n == CLI_PORTS_MAX) {
		(void)bw_fail(err, E2BIG, "list the ports"); /* its return is NULL here */
		return NULL;
	}
	if (!(p->n & (p->n - 1)))
		v = realloc(p->v, (p->n ? 2UL * p->n : 1UL) * sizeof(*v));
	if (!v) {
		(void)bw_fail(err, ENOMEM, "list the ports"); /* as above */
		return NULL;
	}
	p->v = v;
	v[p->n] = (struct cli_port){ 0 };
	return &v[p->n++];
}

static void name_of(int ifindex, char ret[16])
{
	char name[IF_NAMESIZE] = "";

	if (ifindex > 0 && if_indextoname((unsigned int)ifindex, name))
		(void)snprintf(ret, 16, "%s", name); /* fits, ignoring */
}

static int add_dp(const struct bw_dp_port *dp, void *arg, struct bw_err *err)
{
	struct read *r = arg;
	struct cli_port *p = add(r->ports, err);

	if (!p)
		return -ENOMEM;
	p->dp = *dp;
	p->in_datapath = 1;
	name_of(dp->bridge, p->bridge);
	name_of(dp->uplink, p->uplink);
	return 0;
}

static int add_addr(const struct bw_journal_addr *a, void *arg, struct bw_err *err)
{
	struct cli_port *p = arg;
	struct bw_prefix *v;

	if (p->n_addrs == BW_JOURNAL_ADDRS_MAX)
		return 0;
	v = realloc(p->addrs, (p->n_addrs + 1) * sizeof(*v));
	if (!v)
		return bw_fail(err, ENOMEM, "list the addresses");
	p->addrs = v;
	v[p->n_addrs++] = (struct bw_prefix){ .ip = a->ip, .len = a->prefix_len };
	return 0;
}

/* The device is the key of both; one without programs stands in the journal alone. */
static struct cli_port *port_of(struct cli_ports *ports, const struct bw_attachment *a,
				struct bw_err *err)
{
	struct cli_port *p;

	for (unsigned int i = 0; i < ports->n; i++)
		if (!ports->v[i].dp.is_uplink && !strcmp(ports->v[i].dp.host_if, a->host_if))
			return &ports->v[i];
	p = add(ports, err);
	if (!p)
		return NULL;
	(void)snprintf(p->dp.host_if, sizeof(p->dp.host_if), "%s", a->host_if); /* fits */
	p->dp.ifindex = (int)if_nametoindex(a->host_if);
	p->dp.present = p->dp.ifindex != 0;
	p->dp.vlan = (uint16_t)a->vlan;
	p->dp.mac = a->mac;
	return p;
}

static int add_attachment(const struct bw_attachment *a, void *arg, struct bw_err *err)
{
	struct read *r = arg;
	struct cli_port *p;

	if (!a->host_if[0])
		return 0; /* another plugin's address, no port of ours */
	p = port_of(r->ports, a, err);
	if (!p)
		return -ENOMEM;
	p->in_journal = 1;
	(void)snprintf(p->bridge, sizeof(p->bridge), "%s", a->bridge); /* fits */
	(void)snprintf(p->ifname, sizeof(p->ifname), "%s", a->ifname); /* fits */
	(void)snprintf(p->state, sizeof(p->state), "%s", bw_attach_state_str(a->state)); /* fits */
	free(p->container);
	free(p->network);
	free(p->pod);
	p->container = strdup(a->container_id);
	p->network = strdup(a->network);
	p->pod = strdup(a->pod);
	if (!p->container || !p->network || !p->pod)
		return bw_fail(err, ENOMEM, "list the ports");
	return bw_journal_addr_of(r->j, a->id, add_addr, p, err);
}

static int by_place(const void *a, const void *b)
{
	const struct cli_port *x = a;
	const struct cli_port *y = b;
	int r = strcmp(x->bridge, y->bridge);

	if (!r)
		r = y->dp.is_uplink - x->dp.is_uplink;
	return r ? r : strcmp(x->dp.host_if, y->dp.host_if);
}

int cli_ports_read(const struct cli_args *args, struct cli_ports *ret, struct bw_err *err)
{
	bw_autojournal struct bw_journal *j = NULL;
	struct read r = { ret, NULL };
	int e = bw_dp_list(add_dp, &r, err);

	if (!e)
		e = bw_journal_open(args->dir ? args->dir : BW_JOURNAL_DIR_DEFAULT,
				    BW_JOURNAL_F_READ, &j, err);
	/* Before the first ADD there is no file. */
	if (e == -ENOENT)
		e = 0;
	r.j = j;
	if (!e && j)
		e = bw_journal_attach_each(j, NULL, add_attachment, &r, err);
	if (!e && ret->n)
		qsort(ret->v, ret->n, sizeof(ret->v[0]), by_place);
	return e;
}

static int is_fast(const struct cli_port *p)
{
	return p->in_datapath && p->dp.present &&
	       (p->dp.flags & (BW_EP_F_ACCEL | BW_EP_F_SLOW)) == BW_EP_F_ACCEL;
}

const char *cli_port_path(const struct cli_port *p)
{
	return is_fast(p) ? "fast" : "slow";
}

const char *cli_port_why(const struct cli_port *p)
{
	const struct {
		int is_so;
		const char *text;
	} reasons[] = {
		{ !p->dp.present, "its device is gone: the next GC or DEL removes it" },
		{ !p->in_datapath, "no program is attached: neither accel nor antiSpoof asks for "
				   "one, or the kernel refuses" },
		{ p->dp.flags & BW_EP_F_SLOW, "net slow: an operator sent it through the bridge" },
		{ p->dp.flags & BW_EP_F_TRUNK, "vlanTrunk: tagged frames are switched by the "
					       "bridge" },
		{ !(p->dp.flags & BW_EP_F_ACCEL), "accel is off, or promiscMode or "
						  "disableContainerInterface need the bridge" },
		{ p->dp.sticky, "some flows are slow: netfilter translates them" },
		{ p->dp.uplink && !p->dp.fast_uplink, "to the uplink by the bridge: it pushes the "
						      "VLAN tag" },
	};

	for (size_t i = 0; i < BW_ARRAY_SIZE(reasons); i++)
		if (reasons[i].is_so)
			return reasons[i].text;
	return "";
}

static int has_addr(const struct cli_port *p, const struct bw_ip *ip)
{
	for (unsigned int i = 0; i < p->n_addrs; i++)
		if (bw_ip_eq(&p->addrs[i].ip, ip))
			return 1;
	for (unsigned int i = 0; i < p->dp.n_v4; i++)
		if (p->dp.v4[i].prefix.len == 32 && bw_ip_eq(&p->dp.v4[i].prefix.ip, ip))
			return 1;
	for (unsigned int i = 0; i < p->dp.n_v6; i++)
		if (p->dp.v6[i].prefix.len == 128 && bw_ip_eq(&p->dp.v6[i].prefix.ip, ip))
			return 1;
	return 0;
}

const struct cli_port *cli_ports_find(const struct cli_ports *p, const char *word)
{
	struct bw_ip ip;
	int is_ip = !bw_ip_parse(word, &ip);

	for (unsigned int i = 0; i < p->n; i++) {
		const struct cli_port *port = &p->v[i];

		if (!strcmp(port->dp.host_if, word) || (is_ip && has_addr(port, &ip)) ||
		    (port->container && !strcmp(port->container, word)))
			return port;
	}
	return NULL;
}
