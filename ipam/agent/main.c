/* SPDX-License-Identifier: Apache-2.0 */
/* barewire-agent: the daemon of a node. Flags, the loop, and an orderly end. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <bw/agent_sock.h>
#include <bw/err.h>
#include <bw/kube_config.h>
#include <bw/kube_controller.h>
#include <bw/kube_http.h>
#include <bw/log.h>
#include <bw/segment.h>

#include "agent.h"
#include "parts.h"

#ifndef BW_VERSION
#define BW_VERSION "0.0.0"
#endif

#define STOP_MS 3000 /* for what is in flight */
#define EXIT_USAGE 2
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

enum {
	F_KUBECONFIG = 256,
	F_CONTEXT,
	F_NODE,
	F_NODE_UID,
	F_LEVEL,
	F_CIDR,
	F_DIR,
	F_SOCK,
	F_FROM,
	F_BIN,
	F_CONF,
	F_CONF_DIR,
	F_NAMESPACE,
	F_DAEMONSET,
	F_METRICS,
	F_HEALTH,
	F_VERSION,
	F_HELP
};

static const struct option options[] = {
	{ "kubeconfig", required_argument, NULL, F_KUBECONFIG },
	{ "context", required_argument, NULL, F_CONTEXT },
	{ "node-name", required_argument, NULL, F_NODE },
	{ "node-uid", required_argument, NULL, F_NODE_UID },
	{ "log-level", required_argument, NULL, F_LEVEL },
	{ "service-cidr", required_argument, NULL, F_CIDR },
	{ "node-network", required_argument, NULL, F_CIDR }, /* reached the same way */
	{ "journal-dir", required_argument, NULL, F_DIR },
	{ "socket", required_argument, NULL, F_SOCK },
	{ "install-from", required_argument, NULL, F_FROM },
	{ "cni-bin-dir", required_argument, NULL, F_BIN },
	{ "cni-conf", required_argument, NULL, F_CONF },
	{ "cni-conf-dir", required_argument, NULL, F_CONF_DIR },
	{ "namespace", required_argument, NULL, F_NAMESPACE },
	{ "daemonset", required_argument, NULL, F_DAEMONSET },
	{ "metrics-address", required_argument, NULL, F_METRICS },
	{ "health-address", required_argument, NULL, F_HEALTH },
	{ "version", no_argument, NULL, F_VERSION },
	{ "help", no_argument, NULL, F_HELP },
	{ NULL, 0, NULL, 0 },
};

static const char usage[] =
	"usage: barewire-agent --node-name NAME [--kubeconfig FILE] [--context NAME] [--node-uid UID]\n"
	"                      [--log-level LEVEL] [--service-cidr CIDR]... [--node-network CIDR]...\n"
	"                      [--journal-dir DIR] [--socket PATH] [--install-from DIR --cni-conf FILE] [--cni-bin-dir DIR]\n"
	"                      [--cni-conf-dir DIR] [--namespace NS] [--daemonset NAME]\n"
	"                      [--metrics-address ADDR:PORT] [--health-address ADDR:PORT]\n"
	"The node's name may come from NODE_NAME in the environment. See barewire-agent(8).\n";

static void say(int fd, const char *text)
{
	/* Nobody can be told of a failed write, ignoring. */
	if (write(fd, text, strlen(text)) < 0)
		return;
}

static int add_cidr(struct agent_conf *c, const char *text)
{
	if (c->n_services == BW_BINDING_NETS_MAX ||
	    bw_prefix_parse(text, &c->services[c->n_services]) < 0)
		return -EINVAL;
	c->n_services++;
	return 0;
}

static const char **text_flag(struct flags *f, int opt)
{
	struct agent_conf *c = &f->conf;

	switch (opt) {
	case F_KUBECONFIG:
		return &f->kubeconfig;
	case F_CONTEXT:
		return &f->context;
	case F_NODE:
		return &c->node;
	case F_NODE_UID:
		return &c->node_uid;
	case F_LEVEL:
		return &f->log_level;
	case F_DIR:
		return &c->journal_dir;
	case F_SOCK:
		return &c->sock;
	case F_FROM:
		return &c->install.from;
	case F_BIN:
		return &c->install.bin_dir;
	case F_CONF:
		return &c->install.conf;
	case F_CONF_DIR:
		return &c->install.conf_dir;
	case F_NAMESPACE:
		return &c->namespace;
	case F_DAEMONSET:
		return &c->daemonset;
	case F_METRICS:
		return &c->metrics;
	case F_HEALTH:
		return &c->health;
	default:
		return NULL;
	}
}

/* 0 go on; 1 done, all is well; -EINVAL. */
static int parse(int argc, char **argv, struct flags *f)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		const char **text = text_flag(f, opt);

		if (text) {
			*text = optarg;
		} else if (opt == F_CIDR) {
			if (add_cidr(&f->conf, optarg) < 0)
				return -EINVAL;
		} else if (opt == F_VERSION || opt == F_HELP) {
			say(STDOUT_FILENO,
			    opt == F_HELP ? usage : "barewire-agent " BW_VERSION "\n");
			return 1;
		} else {
			return -EINVAL;
		}
	}
	if (!f->conf.node)
		f->conf.node = getenv("NODE_NAME");
	return optind < argc || !f->conf.node || !f->conf.node[0] ||
			       strlen(f->conf.node) > NODE_MAX ||
			       strlen(f->conf.node_uid) > BW_CLAIM_UID_MAX
		       ? -EINVAL
		       : 0;
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

static int connect_api(struct daemon *d, const struct flags *f, struct bw_err *err)
{
	const struct bw_kube_http_options o = { .agent = "barewire-agent/" BW_VERSION };
	bw_autokubeconfig struct bw_kube_config *config = NULL;
	int r = bw_kube_config_find(f->kubeconfig, f->context, &config, err);

	return r < 0 ? r : bw_kube_http_new(d->loop, &config, &o, &d->client, err);
}

static int start(struct daemon *d, const struct flags *f, struct bw_err *err)
{
	int r = bw_loop_new(&d->loop, err);

	if (r == 0)
		r = bw_loop_signal(d->loop, SIGTERM, on_signal, d, err);
	if (r == 0)
		r = bw_loop_signal(d->loop, SIGINT, on_signal, d, err);
	if (r == 0)
		r = connect_api(d, f, err);
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
	enum bw_log_level level;
	int r = parse(argc, argv, &f);

	if (r > 0)
		return 0;
	if (r < 0 || bw_log_level_parse(f.log_level, &level) < 0 ||
	    !f.conf.install.from[0] != !f.conf.install.conf[0]) {
		say(STDERR_FILENO, usage);
		return EXIT_USAGE;
	}
	bw_log_setup(level, STDERR_FILENO, "agent", NULL, NULL);
	return run(&f);
}
