/* SPDX-License-Identifier: Apache-2.0 */
/* Attachments against devices. */
#include <string.h>

#include <bw/err.h>
#include <bw/link.h>

#include "agent.h"
#include "differ.h"
#include "inventory.h"
#include "ports.h"

/* As plugins call an attachment's interface on the host: bw_attach_host_name(). */
#define OURS "bw"
#define OURS_LEN 13
#define CID_SHOWN 12

void agent_ports_begin(struct agent_ports *p, struct agent *a, struct agent_differences *to)
{
	*p = (struct agent_ports){ .a = a, .to = to };
	p->known = calloc(a->node.n_devs + 1, 1);
}

/* I1. Whether the kernel still says that the device is away, or not below @bridge. */
static int differs(struct agent *a, const struct bw_attachment *att, enum agent_differ *ret)
{
	struct bw_link host, bridge;
	struct bw_err err = { 0 };
	int r = bw_link_get(a->nl, 0, att->host_if, &host, &err);

	if (r < 0) {
		*ret = AGENT_DIFFER_MISSING;
		return r == -ENODEV;
	}
	if (!att->bridge[0])
		return 0;
	*ret = AGENT_DIFFER_MOVED;
	r = bw_link_get(a->nl, 0, att->bridge, &bridge, &err);
	return r == -ENODEV || (r == 0 && host.master != bridge.ifindex);
}

static void check_live(struct agent_ports *p, const struct bw_attachment *att,
		       const struct agent_dev *host)
{
	const struct agent_dev *bridge =
		att->bridge[0] ? agent_node_dev(&p->a->node, att->bridge) : NULL;
	enum agent_differ what;

	if (att->flags & BW_ATTACH_F_CUT)
		agent_differ_add(p->to, AGENT_DIFFER_CUT, att->pod,
				 "%s of container %.*s is cut off: its claim is held elsewhere",
				 att->ifname, CID_SHOWN, att->container_id);
	if (host && (!att->bridge[0] || (bridge && host->master == bridge->ifindex)))
		return;
	if (!differs(p->a, att, &what))
		return;
	if (what == AGENT_DIFFER_MISSING)
		agent_differ_add(p->to, what, att->pod,
				 "%s of container %.*s: its interface %s on the host is gone",
				 att->ifname, CID_SHOWN, att->container_id, att->host_if);
	else
		agent_differ_add(p->to, what, att->pod,
				 "%s of container %.*s: its interface %s on the host is not on "
				 "bridge %s",
				 att->ifname, CID_SHOWN, att->container_id, att->host_if,
				 att->bridge);
}

void agent_ports_row(struct agent_ports *p, const struct bw_attachment *att)
{
	const struct agent_dev *host;

	if (!att->host_if[0])
		return;
	host = agent_node_dev(&p->a->node, att->host_if);
	if (host && p->known)
		p->known[host - p->a->node.devs] = 1;
	/* Those without a claim are whose who configured their network. */
	if (att->claim_uid[0] && att->state == BW_ATTACH_LIVE)
		check_live(p, att, host);
}

/* Whether pods of the cluster's pools are on that bridge here. */
static int is_of_a_pool(const struct agent_facts *f, const char *bridge)
{
	const char *domains[AGENT_PFS_MAX];
	size_t n = agent_domains(f, domains, BW_ARRAY_SIZE(domains));
	struct agent_segment s;

	for (size_t i = 0; i < n; i++) {
		agent_segment(f, domains[i], &s);
		if (strcmp(s.bridge, bridge) == 0)
			return 1;
	}
	return 0;
}

static void stranger(struct agent_ports *p, const struct agent_dev *d)
{
	const struct agent_node *n = &p->a->node;
	const struct agent_dev *bridge = d->master ? agent_node_dev_at(n, d->master) : NULL;
	const struct agent_facts facts = agent_facts(p->a);
	struct bw_err err = { 0 };
	struct bw_link now;

	if (!bridge || strncmp(d->name, OURS, strlen(OURS)) != 0 || strlen(d->name) != OURS_LEN ||
	    !is_of_a_pool(&facts, bridge->name))
		return;
	if (bw_link_get(p->a->nl, d->ifindex, NULL, &now, &err) == 0) /* I1 */
		agent_differ_add(p->to, AGENT_DIFFER_UNKNOWN, "",
				 "interface %s is on bridge %s, and the journal has no attachment "
				 "of it",
				 d->name, bridge->name);
}

void agent_ports_end(struct agent_ports *p)
{
	for (size_t i = 0; p->known && i < p->a->node.n_devs; i++)
		if (!p->known[i])
			stranger(p, &p->a->node.devs[i]);
	free(p->known);
	p->known = NULL;
}
