/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Unit's Service: without a selector, with the ports of the main container, headless when that
 * names none. Where it leads is endpoints.c's.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cjson/cJSON.h>

#include "impl.h"

#define FOREIGN "ServiceForeign"
#define HEADLESS "None" /* spec.clusterIP */

static const char *protocol_of(const struct bw_db_unit_template_container_port *p)
{
	const char *text = bw_db_unit_template_container_port_protocol_str(p->protocol);

	return *text ? text : "TCP";
}

/* A port without a name gets one: Service and slices find each other by it. */
static void name_port(struct unit_port *to, const char *name)
{
	if (name && *name)
		(void)snprintf(to->name, sizeof(to->name), "%s", name); /* fits */
	else
		(void)snprintf(to->name, sizeof(to->name), "%s-%d",
			       strcmp(to->protocol, "UDP") == 0    ? "udp"
			       : strcmp(to->protocol, "SCTP") == 0 ? "sctp"
								   : "tcp",
			       (int)to->port); /* fits */
}

static int taken(const struct unit_port *all, size_t n, const struct unit_port *p)
{
	for (size_t i = 0; i < n; i++)
		if ((all[i].port == p->port && strcmp(all[i].protocol, p->protocol) == 0) ||
		    strcmp(all[i].name, p->name) == 0)
			return 1;
	return 0;
}

size_t unit_ports(const struct bw_db_unit *u, struct unit_port out[UNIT_PORTS_MAX])
{
	const struct bw_db_unit_template_container *main = unit_main(u);
	size_t n = 0;

	for (size_t i = 0; main && i < main->ports.n && n < UNIT_PORTS_MAX; i++) {
		const struct bw_db_unit_template_container_port *p = &main->ports.items[i];

		out[n].port = p->container_port;
		out[n].protocol = protocol_of(p);
		name_port(&out[n], p->name);
		n += !taken(out, n, &out[n]);
	}
	return n;
}

size_t unit_service_ips(const struct unit_run *k, int family, const char **ret, size_t max)
{
	const struct bw_net_claim_status *s = &k->claim.status;
	const char *name = k->unit->spec.networking.service_interface;
	size_t n = 0;

	if (!name)
		name = UNIT_INTERFACE;
	for (size_t i = 0; k->claim_state == UNIT_CLAIM_BOUND && i < s->interfaces.n; i++) {
		const struct bw_net_claim_status_interface *f = &s->interfaces.items[i];

		for (size_t x = 0; strcmp(f->name, name) == 0 && x < f->ips.n && n < max; x++)
			if ((strchr(f->ips.items[x], ':') ? AF_INET6 : AF_INET) == family)
				ret[n++] = f->ips.items[x];
	}
	return n;
}

/* WHAT IT SHOULD SAY */

struct want {
	struct unit_port ports[UNIT_PORTS_MAX];
	size_t n;
	int v4, v6;
};

static void put_ports(const struct want *w, struct bw_json_build *b, struct cJSON *spec)
{
	struct cJSON *list = bw_json_put_array(b, spec, "ports");

	for (size_t i = 0; i < w->n; i++) {
		struct cJSON *p = bw_json_put_object(b, list, NULL);

		bw_json_put_str(b, p, "name", w->ports[i].name);
		bw_json_put_int(b, p, "port", w->ports[i].port);
		bw_json_put_str(b, p, "protocol", w->ports[i].protocol);
	}
}

static void plan_create(struct unit_run *k, const struct want *w)
{
	bw_autobuild struct bw_json_build b = { 0 };
	const char *name = k->unit->meta.name;
	struct cJSON *root = unit_put_head(k, &b, "v1", "Service", name);
	struct cJSON *spec = bw_json_put_object(&b, root, "spec");

	bw_json_put_str(&b, spec, "type", "ClusterIP");
	if (w->n)
		put_ports(w, &b, spec);
	else
		bw_json_put_str(&b, spec, "clusterIP", HEADLESS);
	/* A cluster of one family gives what it has. */
	if (w->v4 && w->v6)
		bw_json_put_str(&b, spec, "ipFamilyPolicy", "PreferDualStack");
	else
		bw_json_put_str(&b, bw_json_put_array(&b, spec, "ipFamilies"), NULL,
				w->v6 ? "IPv6" : "IPv4");
	unit_make(k, BW_KUBE_CREATE, &bw_kind_service, name, &b);
}

static void plan_ports(struct unit_run *k, const struct bw_k_service *is, const struct want *w)
{
	bw_autobuild struct bw_json_build b = { 0 };
	struct cJSON *spec = bw_json_put_object(&b, ctl_body_cas(&b, is->meta.rv), "spec");

	put_ports(w, &b, spec);
	unit_make(k, BW_KUBE_MERGE, &bw_kind_service, is->meta.name, &b);
}

static int same_ports(const struct bw_k_service *is, const struct want *w)
{
	if (is->spec.ports.n != w->n)
		return 0;
	for (size_t i = 0; i < w->n; i++) {
		const struct bw_k_service_port *p = &is->spec.ports.items[i];

		if (p->port != w->ports[i].port || !p->name || !p->protocol ||
		    strcmp(p->name, w->ports[i].name) != 0 ||
		    strcmp(p->protocol, w->ports[i].protocol) != 0)
			return 0;
	}
	return 1;
}

/* THE STEP */

static void follow(struct unit_run *k, const struct bw_k_service *is, enum unit_whose whose,
		   const struct want *w)
{
	int headless = is->spec.cluster_ip && strcmp(is->spec.cluster_ip, HEADLESS) == 0;

	if (whose == UNIT_NOBODYS)
		plan_create(k, w);
	else if (is->meta.deleting)
		return;
	else if (headless != (w->n == 0))
		unit_unmake(k, &bw_kind_service, &is->meta); /* neither becomes the other */
	else if (!same_ports(is, w))
		plan_ports(k, is, w);
}

void unit_service(struct unit_run *k)
{
	BW_CLEANUP(bw_k_service_done) struct bw_k_service is = { 0 };
	const struct bw_kube_meta *m = &k->unit->meta;
	struct bw_kube_object *o = bw_kube_store_get(k->c->st.services, m->namespace, m->name);
	struct want w = { .n = 0 };
	enum unit_whose whose = UNIT_NOBODYS;
	const char *ip;

	if (o && bw_k_service_decode(o->text, o->size, &is, NULL) < 0)
		whose = UNIT_SOMEBODYS;
	else if (o)
		whose = unit_whose(k, &is.meta);
	if (unit_say_foreign(k, FOREIGN, "Service", m->name, whose,
			     unit_refused(k, &bw_kind_service, m->name)))
		return;
	bw_kube_conds_clear(&k->conds, FOREIGN);
	/* Its families are those of the addresses. */
	if (k->invalid || k->unit->spec.maintenance || k->claim_state != UNIT_CLAIM_BOUND)
		return;
	w.n = unit_ports(k->unit, w.ports);
	w.v4 = unit_service_ips(k, AF_INET, &ip, 1) > 0;
	w.v6 = unit_service_ips(k, AF_INET6, &ip, 1) > 0;
	follow(k, &is, whose, &w);
}
