/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics, health and events of the agent. */
#include <bw/buf.h>
#include <bw/err.h>
#include <bw/kube_controller.h>
#include <bw/kube_event.h>
#include <bw/kube_health.h>
#include <bw/kube_metrics.h>

#include "agent.h"
#include "monitor.h"

#define HTTP_OK 200
#define HTTP_UNAVAILABLE 503

enum metric {
	M_CLAIMS,
	M_ATTACHMENTS,
	M_CUT_NOW,
	M_CUT,
	M_HELD,
	M_COLLECTED,
	M_DRIFT,
	M_ANNOUNCED,
	M_CONFLICTS,
	M_BINDINGS,
	M_STATUS_WRITES,
	M_OUTBOX_WAITING,
	M_OUTBOX_SENT,
	M_OUTBOX_DROPPED,
	M_OUTBOX_FAILED,
	M_SERVED,
	M_REFUSED,
	M_GAVE_UP,
	M_WAITING,
	M_WAITED,
	M_PEERS_REFUSED,
	M_RESTORE,
	M_MAX_,
};

#define C(name_, help_)                                                                            \
	{                                                                                          \
		.name = "barewire_agent_" name_, .help = (help_), .type = BW_METRIC_COUNTER        \
	}
#define G(name_, help_)                                                                            \
	{                                                                                          \
		.name = "barewire_agent_" name_, .help = (help_), .type = BW_METRIC_GAUGE          \
	}

static const struct bw_metric_family families[M_MAX_] = {
	[M_CLAIMS] = G("claims", "Claims that this node holds."),
	[M_ATTACHMENTS] = G("attachments", "Live attachments in the journal."),
	[M_CUT_NOW] = G("attachments_cut", "Attachments that are cut off now."),
	[M_CUT] = C("cuts_total",
		    "Attachments that were cut off because their claim is held elsewhere."),
	[M_HELD] =
		C("holds_total", "Attachments of Available pools held while the node was cut off."),
	[M_COLLECTED] = C("collected_total", "Dead attachments that were removed."),
	[M_DRIFT] = C("drift_total", "Differences between attachments and the kernel."),
	[M_ANNOUNCED] = C("announcements_total", "Announcements after a plugin's own."),
	[M_CONFLICTS] = C("conflicts_total", "Frames of others that use an address of this node."),
	[M_BINDINGS] = C("bindings_total", "Bindings written to the journal."),
	[M_STATUS_WRITES] = C("status_writes_total", "Writes of the NodeNetwork's status."),
	[M_OUTBOX_WAITING] = G("outbox_waiting", "Acknowledgements that wait."),
	[M_OUTBOX_SENT] = C("outbox_sent_total", "Acknowledgements the API server took."),
	[M_OUTBOX_DROPPED] = C("outbox_dropped_total", "Acknowledgements nobody takes any more."),
	[M_OUTBOX_FAILED] = C("outbox_failed_total", "Tries that are repeated."),
	[M_SERVED] = C("requests_served_total", "Requests of plugins that got their claim."),
	[M_REFUSED] = C("requests_refused_total", "Requests that did not."),
	[M_GAVE_UP] = C("requests_gone_total", "Plugins that hung up while they waited."),
	[M_WAITING] = G("requests_waiting", "Plugins that wait for their claim."),
	[M_WAITED] = C("requests_wait_seconds_total", "Seconds that plugins waited, in all."),
	[M_PEERS_REFUSED] = C("peers_refused_total",
			      "Connections closed: another user, a stall, a line too long."),
	[M_RESTORE] =
		G("restore_suspected", "1 while the API server's past does not fit the journal."),
};

struct agent_monitor {
	struct agent *a;
	struct bw_kube_health *metrics;
	struct bw_kube_health *health;
};

static void set(struct agent *a, enum metric m, double value)
{
	bw_metric_set(bw_metrics_get(bw_kube_runtime_metrics(a->rt), &families[m], NULL), value);
}

static void on_text(void *arg)
{
	struct agent *a = arg;
	const struct agent_stat *s = &a->stat;
	const struct agent_outbox_stat *o = agent_outbox_stat(a->outbox);
	const struct agent_serve_stat *v = agent_serve_stat(a->serve);

	set(a, M_CLAIMS, s->claims);
	set(a, M_ATTACHMENTS, s->attachments);
	set(a, M_CUT_NOW, s->stale);
	set(a, M_CUT, (double)s->cut);
	set(a, M_HELD, (double)s->held);
	set(a, M_COLLECTED, (double)s->collected);
	set(a, M_DRIFT, (double)s->drift);
	set(a, M_ANNOUNCED, (double)s->announced);
	set(a, M_CONFLICTS, (double)s->conflicts);
	set(a, M_BINDINGS, (double)s->bindings_put);
	set(a, M_STATUS_WRITES, (double)s->status_writes);
	set(a, M_OUTBOX_WAITING, o->waiting);
	set(a, M_OUTBOX_SENT, (double)o->sent);
	set(a, M_OUTBOX_DROPPED, (double)o->dropped);
	set(a, M_OUTBOX_FAILED, (double)o->failed);
	set(a, M_SERVED, (double)v->served);
	set(a, M_REFUSED, (double)v->refused);
	set(a, M_GAVE_UP, (double)v->gave_up);
	set(a, M_WAITING, v->waiting);
	set(a, M_WAITED, (double)v->wait_ms / 1000.0);
	set(a, M_PEERS_REFUSED, a->sock ? (double)agent_sock_refused(a->sock) : 0);
	set(a, M_RESTORE, a->restore_suspected);
}

static int on_ready(struct bw_buf *out, void *arg)
{
	struct agent *a = arg;
	char why[AGENT_WHY_MAX] = "";

	if (!a->sock) {
		(void)bw_buf_printf(out,
				    "the socket is closed\n"); /* the status counts, ignoring */
		return HTTP_UNAVAILABLE;
	}
	if (bw_kube_runtime_ready(a->rt, why, sizeof(why)))
		(void)bw_buf_printf(out, "ok\n"); /* likewise */
	else
		(void)bw_buf_printf(out, "serving from the journal; %s\n", why); /* likewise */
	return HTTP_OK;
}

static int open_metrics(struct agent_monitor *m, const char *address, struct bw_err *err)
{
	struct bw_metrics *metrics = bw_kube_runtime_metrics(m->a->rt);
	int r = bw_metrics_on_text(metrics, on_text, m->a, err);

	if (r < 0 || !address[0])
		return r;
	r = bw_kube_health_new(m->a->loop, address, &m->metrics, err);
	return r < 0 ? r
		     : bw_kube_health_add(m->metrics, "/metrics", bw_kube_health_metrics, metrics);
}

static int open_health(struct agent_monitor *m, const char *address, struct bw_err *err)
{
	int r;

	if (!address[0])
		return 0;
	r = bw_kube_health_new(m->a->loop, address, &m->health, err);
	if (r == 0)
		r = bw_kube_health_add(m->health, "/healthz", bw_kube_health_live, NULL);
	return r < 0 ? r : bw_kube_health_add(m->health, "/readyz", on_ready, m->a);
}

int agent_monitor_new(struct agent *a, const char *metrics, const char *health,
		      struct agent_monitor **ret, struct bw_err *err)
{
	struct agent_monitor *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return bw_fail(err, ENOMEM, "listen for scrapes and probes");
	m->a = a;
	r = open_metrics(m, metrics, err);
	if (r == 0)
		r = open_health(m, health, err);
	if (r < 0) {
		agent_monitor_free(&m);
		return r;
	}
	*ret = m;
	return 0;
}

void agent_monitor_free(struct agent_monitor **m)
{
	if (!*m)
		return;
	bw_kube_health_free(&(*m)->metrics);
	bw_kube_health_free(&(*m)->health);
	free(*m);
	*m = NULL;
}

void agent_warn_claim(struct agent *a, const char *ns, const char *name, const char *uid,
		      const char *reason, const char *note)
{
	const struct bw_kube_about about = {
		.kind = &bw_kind_networkclaim, .namespace = ns, .name = name, .uid = uid
	};

	bw_kube_events_tell(bw_kube_runtime_events(a->rt), &about, BW_EVENT_WARNING, reason, note);
}
