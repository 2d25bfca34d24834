/* SPDX-License-Identifier: Apache-2.0 */
/* barewire-agent: the daemon of a node. Flags, the loop, and an orderly end. */
#include <stdio.h>
#include <string.h>

#include <bw/agent_sock.h>
#include <bw/err.h>
#include <bw/kube_controller.h>
#include <bw/kube_daemon.h>
#include <bw/log.h>
#include <bw/segment.h>
#include <bw/version.h>

#include "agent.h"
#include "parts.h"

#define PROGRAM "barewire-agent"
#define STOP_MS 3000 /* for what is in flight */
#define NODE_MAX 253 /* RFC 1123 subdomain */

struct flags {
	struct agent_conf conf;
	const char *kubeconfig;
	const char *context;
	const char *log_level;
};

struct daemon {
	struct agent a;
	struct bw_loop *loop;
	struct bw_kube_client *client;
	int stopping;
	int exit_code;
};

static const char usage[] =
	"usage: barewire-agent --node-name NAME [--kubeconfig FILE] [--context NAME] [--node-uid UID]\n"
	"                      [--log-level LEVEL] [--service-cidr CIDR]... [--node-network CIDR]...\n"
	"                      [--journal-dir DIR] [--socket PATH] [--install-from DIR --cni-conf FILE] [--cni-bin-dir DIR]\n"
	"                      [--cni-conf-dir DIR] [--namespace NS] [--daemonset NAME]\n"
	"                      [--metrics-address ADDR:PORT] [--health-address ADDR:PORT]\n"
	"The node's name may come from NODE_NAME in the environment. See barewire-agent(8).\n";

static int add_cidr(const char *value, void *arg, struct bw_err *err)
{
	struct agent_conf *c = arg;

	if (c->n_services == BW_BINDING_NETS_MAX)
		return bw_reject(err, BW_ERR_INVALID, E2BIG, "expected at most %d networks",
				 BW_BINDING_NETS_MAX);
	if (bw_prefix_parse(value, &c->services[c->n_services]) < 0)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "expected a network such as 10.96.0.0/12 or fd00::/108");
	c->n_services++;
	return 0;
}

/* What is wrong with the flags together; NULL = nothing. */
static const char *judge(const struct flags *f, enum bw_log_level *ret_level)
{
	const struct agent_conf *c = &f->conf;

	if (!c->node || !c->node[0])
		return "--node-name is missing, and NODE_NAME is not set";
	if (strlen(c->node) > NODE_MAX)
		return "--node-name: expected at most 253 characters";
	if (strlen(c->node_uid) > BW_CLAIM_UID_MAX)
		return "--node-uid: expected a UID";
	if (!c->install.from[0] != !c->install.conf[0])
		return "--install-from and --cni-conf: expected both or none of them";
	if (bw_log_level_parse(f->log_level, ret_level) < 0)
		return "--log-level: expected error, warn, info or debug";
	return NULL;
}

static void end(void *arg)
{
	bw_loop_stop(((struct daemon *)arg)->loop);
}

static void stop(struct daemon *d)
{
	if (d->stopping++)
		return;
	agent_sock_close(&d->a.sock); /* nobody new; who waits tries again at the next agent */
	if (d->a.rt)
		bw_kube_runtime_stop(d->a.rt, STOP_MS, end, d);
	else
		bw_loop_stop(d->loop);
}

static void on_signal(int signo, void *arg)
{
	bw_log_info("asked to stop", "signal", strsignal(signo));
	stop(arg);
}

static void on_failed(const char *why, void *arg)
{
	struct daemon *d = arg;

	bw_log_error(why);
	d->exit_code = 1;
	stop(d);
}

static int clean_one(const struct bw_segment *s, void *arg, struct bw_err *err)
{
	struct bw_segment_clean done = { 0 };
	struct bw_err why = { 0 };

	(void)arg;
	(void)err; /* one bridge's trouble is no reason to leave the others */
	if (bw_segment_clean(s->bridge, &done, &why) < 0)
		bw_log_info("a bridge stays", "bridge", s->bridge, "why", why.msg);
	return 0;
}

/* Only after the DaemonSet's own deletion: an upgrade or a restart leaves everything as it is. */
static void uninstall(struct daemon *d)
{
	const struct agent_conf *c = d->a.conf;
	struct bw_err err = { 0 };

	if (!d->a.daemonset_deleted || !c->install.from[0])
		return;
	if (agent_install_remove(&c->install, &err) < 0)
		bw_log_error("cannot remove what was installed", "err", err.msg);
	if (bw_journal_segment_each(d->a.journal, NULL, clean_one, NULL, &err) < 0)
		bw_log_error("cannot remove the bridges", "err", err.msg);
	bw_log_info("uninstalled");
}

static int start(struct daemon *d, const struct flags *f, struct bw_err *err)
{
	int r = bw_daemon_loop(on_signal, d, &d->loop, err);

	if (r == 0)
		r = bw_daemon_connect(d->loop, f->kubeconfig, f->context, PROGRAM "/" BW_VERSION,
				      &d->client, err);
	if (r < 0)
		return r;
	d->a.conf = &f->conf;
	d->a.loop = d->loop;
	d->a.client = d->client;
	return agent_parts_start(&d->a, on_failed, d, err);
}

static int run(const struct flags *f)
{
	bw_autofree struct daemon *d = calloc(1, sizeof(*d));
	struct bw_err err = { 0 };
	int r;

	if (!d)
		return 1;
	r = start(d, f, &err);
	if (r == 0) {
		bw_log_info("serving", "node", f->conf.node, "socket", f->conf.sock);
		r = bw_loop_run(d->loop, &err);
	}
	if (r < 0)
		bw_log_error(err.msg, "details", err.details[0] ? err.details : NULL);
	else
		uninstall(d);
	agent_parts_stop(&d->a);
	bw_kube_client_free(&d->client);
	bw_loop_free(&d->loop);
	return r < 0 ? 1 : d->exit_code;
}

int main(int argc, char **argv)
{
	struct flags f = {
		.conf = { .node_uid = "",
			  .journal_dir = BW_JOURNAL_DIR_DEFAULT,
			  .sock = BW_AGENT_SOCK,
			  .root = "",
			  .namespace = "barewire-system",
			  .daemonset = "",
			  .version = BW_VERSION,
			  .metrics = "",
			  .health = "",
			  .install = { .from = "",
				       .bin_dir = "/opt/cni/bin",
				       .conf = "",
				       .conf_dir = "/etc/cni/net.d" } },
		.log_level = "info",
	};
	struct agent_conf *c = &f.conf;
	const struct bw_daemon_flag flags[] = {
		{ "kubeconfig", .text = &f.kubeconfig },
		{ "context", .text = &f.context },
		{ "node-name", .text = &c->node },
		{ "node-uid", .text = &c->node_uid },
		{ "log-level", .text = &f.log_level },
		{ "service-cidr", .add = add_cidr, .arg = c },
		{ "node-network", .add = add_cidr, .arg = c }, /* reached the same way */
		{ "journal-dir", .text = &c->journal_dir },
		{ "socket", .text = &c->sock },
		{ "install-from", .text = &c->install.from },
		{ "cni-bin-dir", .text = &c->install.bin_dir },
		{ "cni-conf", .text = &c->install.conf },
		{ "cni-conf-dir", .text = &c->install.conf_dir },
		{ "namespace", .text = &c->namespace },
		{ "daemonset", .text = &c->daemonset },
		{ "metrics-address", .text = &c->metrics },
		{ "health-address", .text = &c->health },
		{ .name = NULL },
	};
	const struct bw_daemon_about about = { PROGRAM, BW_VERSION, usage, flags };
	enum bw_log_level level = BW_LOG_INFO;
	const char *wrong;
	int r = bw_daemon_parse(argc, argv, &about);

	if (r != 0)
		return r > 0 ? 0 : BW_DAEMON_EXIT_USAGE;
	if (!c->node)
		c->node = getenv("NODE_NAME");
	wrong = judge(&f, &level);
	if (wrong) {
		bw_daemon_refuse(&about, wrong);
		return BW_DAEMON_EXIT_USAGE;
	}
	bw_log_setup(level, STDERR_FILENO, "agent", NULL, NULL);
	return run(&f);
}
