/* SPDX-License-Identifier: Apache-2.0 */
/* barewire-controller: addresses and Units; flags, leadership, health and metrics, and an orderly
 * end. */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include <bw/err.h>
#include <bw/kube_controller.h>
#include <bw/kube_daemon.h>
#include <bw/kube_health.h>
#include <bw/kube_http.h>
#include <bw/kube_lease.h>
#include <bw/log.h>
#include <bw/loop.h>
#include <bw/version.h>

#include "ipam.h"
#include "page.h"
#include "unit.h"

#define PROGRAM "barewire-controller"
#define STOP_MS 10000 /* for plans under way; a pod has 30 s */
#define IDENTITY_MAX 320 /* bytes: a pod's name and sixteen digits */
#define LEASE_MIN_S 6 /* three renewals, and an answer that takes a second */
#define EPOCH_MIN_S 2
#define SECONDS_MAX 3600

struct flags {
	const char *kubeconfig;
	const char *context;
	const char *metrics;
	const char *health;
	const char *log_level;
	const char *namespace;
	const char *identity;
	unsigned int lease_s; /* 0 = as bw_kube_lease_options says */
	unsigned int epoch_s; /* 0 = as ctl_ipam_options says */
	const char *launch_image; /* NULL = that of our own pod */
	uint8_t no_exec;
	const char *page; /* NULL = as page_check() says */
	const char *page_cert;
	const char *page_key;
};

struct program {
	struct bw_loop *loop;
	struct bw_kube_client *client;
	struct bw_kube_runtime *rt;
	char *launch_image; /* NULL = processes are not stopped in their pods */
	struct ctl_ipam *ipam;
	struct ctl_unit *unit;
	struct bw_kube_lease *lease;
	struct bw_kube_health *health;
	struct bw_kube_health *metrics;
	struct page *page; /* NULL = there is none */
	int leading;
	int stopping;
	int exit_code;
};

static const char usage[] =
	"usage: barewire-controller [--kubeconfig FILE] [--context NAME] [--metrics-address HOST:PORT]\n"
	"                           [--health-address HOST:PORT] [--log-level LEVEL]\n"
	"                           [--namespace NS] [--identity NAME]\n"
	"                           [--lease-duration SECONDS] [--epoch-interval SECONDS]\n"
	"                           [--launch-image IMAGE] [--no-exec]\n"
	"                           [--page-address HOST:PORT] [--page-tls-cert FILE --page-tls-key FILE]\n"
	"Namespace and identity of the Lease come from POD_NAMESPACE and POD_NAME by default.\n"
	"A leader that dies is followed after the Lease's duration [30]; that the API server was restored\n"
	"from a backup is noticed within the epoch's interval [60], and healed within three.\n"
	"Pods of Units take barewire-launch from the image [of the controller's own pod], and their processes\n"
	"are stopped and started by commands in them; with --no-exec a Unit that is stopped loses its pod.\n"
	"A page that only shows is served on 127.0.0.1:9674; --page-address 0 serves none. Beyond 127.0.0.1 and ::1 it\n"
	"needs a certificate and its key, and asks for bearer tokens that may get Units.\n";

static const char *env_or(const char *name, const char *by_default)
{
	const char *v = getenv(name);

	return v && *v ? v : by_default;
}

/* THE END */

static void on_released(void *arg)
{
	bw_loop_stop(((struct program *)arg)->loop);
}

/* Nothing writes any more: the next leader need not wait. */
static void on_stopped(void *arg)
{
	struct program *p = arg;

	if (p->lease)
		bw_kube_lease_release(p->lease, on_released, p);
	else
		bw_loop_stop(p->loop);
}

static void stop(struct program *p)
{
	if (p->stopping++)
		return;
	bw_kube_runtime_stop(p->rt, STOP_MS, on_stopped, p);
}

static void on_signal(int signo, void *arg)
{
	struct program *p = arg;

	bw_log_info("asked to stop", "signal", strsignal(signo));
	if (p->rt)
		stop(p);
	else
		bw_loop_stop(p->loop);
}

static void on_lead(int leading, void *arg)
{
	struct program *p = arg;

	bw_log_info(leading ? "leading" : "not leading any more");
	ctl_ipam_lead(p->ipam, leading);
	p->leading = leading;
	page_leader(p->page, leading, NULL);
	if (leading || p->stopping)
		return;
	/* A new process knows nothing that may be wrong by now. */
	p->exit_code = 1;
	p->stopping = 1;
	bw_loop_stop(p->loop);
}

static void on_holder(const char *identity, void *arg)
{
	struct program *p = arg;

	bw_log_info("leader", "identity", *identity ? identity : "nobody");
	page_leader(p->page, p->leading, identity);
}

/* What the stores hold is of a future that never was: begin anew. */
static void on_restart(const char *why, void *arg)
{
	struct program *p = arg;

	bw_log_error("starting anew", "why", why);
	p->exit_code = 1;
	stop(p);
}

/* THE START */

static int serve(struct program *p, const struct flags *f, struct bw_err *err)
{
	int r = 0;

	if (f->health) {
		r = bw_kube_health_new(p->loop, f->health, &p->health, err);
		if (r == 0)
			r = bw_kube_health_add(p->health, "/healthz", bw_kube_health_live, NULL);
		if (r == 0)
			r = bw_kube_health_add(p->health, "/readyz", bw_kube_health_ready, p->rt);
	}
	if (r == 0 && f->metrics) {
		r = bw_kube_health_new(p->loop, f->metrics, &p->metrics, err);
		if (r == 0)
			r = bw_kube_health_add(p->metrics, "/metrics", bw_kube_health_metrics,
					       bw_kube_runtime_metrics(p->rt));
	}
	return r;
}

/* A controller without a page is better than none. */
static void show(struct program *p, const struct flags *f)
{
	struct page_options o = { .loop = p->loop,
				  .rt = p->rt,
				  .client = p->client,
				  .address = f->page,
				  .cert = f->page_cert,
				  .key = f->page_key,
				  .self = f->identity,
				  .fill = ctl_ipam_fill,
				  .arg = p->ipam };
	struct bw_err err = { 0 };

	if (!f->page)
		return;
	ctl_ipam_stores(p->ipam, &o.st);
	o.st.units = ctl_unit_store(p->unit);
	if (page_new(&o, &p->page, &err) < 0)
		bw_log_warn("there is no page", "why", err.msg);
}

static int run_for_lease(struct program *p, const struct flags *f, uint64_t seed,
			 struct bw_err *err)
{
	char identity[IDENTITY_MAX];
	struct bw_kube_lease_options o = { .namespace = f->namespace,
					   .name = "barewire-controller",
					   .identity = identity,
					   .duration_s = f->lease_s,
					   .deadline_ms = f->lease_s * 1000 * 2 / 3,
					   .retry_ms = f->lease_s * 1000 * 2 / 15,
					   .seed = seed,
					   .lead = on_lead,
					   .holder = on_holder,
					   .arg = p };

	/* Two processes of one pod's name are two. */
	(void)snprintf(identity, sizeof(identity), "%.253s_%016llx", f->identity,
		       (unsigned long long)seed); /* fits, ignoring */
	return bw_kube_lease_new(p->loop, p->client, bw_kube_runtime_metrics(p->rt), &o, &p->lease,
				 err);
}

static int start(struct program *p, const struct flags *f, struct bw_err *err)
{
	struct ctl_ipam_options o = { 0 };
	struct ctl_unit_options u = { 0 };
	uint64_t seed;
	int r;

	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		return bw_fail(err, errno, "get random bytes");
	r = bw_daemon_loop(on_signal, p, &p->loop, err);
	if (r == 0)
		r = bw_daemon_connect(p->loop, f->kubeconfig, f->context, PROGRAM "/" BW_VERSION,
				      &p->client, err);
	if (r == 0)
		r = bw_kube_require_version(p->loop, p->client, err);
	if (r == 0)
		r = bw_kube_runtime_new(p->loop, p->client, "barewire-controller", &p->rt, err);
	if (r < 0)
		return r;
	bw_kube_runtime_seed(p->rt, seed);
	if (!f->no_exec)
		r = ctl_unit_image(p->loop, p->client,
				   &(struct ctl_unit_self){ .namespace = f->namespace,
							    .pod = getenv("POD_NAME"),
							    .image = f->launch_image },
				   &p->launch_image, err);
	if (r < 0)
		return r;
	o.loop = p->loop;
	o.seed = seed;
	o.epoch_ms = (int64_t)f->epoch_s * 1000;
	o.restart = on_restart;
	o.arg = p;
	r = ctl_ipam_start(p->rt, &o, &p->ipam, err);
	u.loop = p->loop;
	u.ipam = p->ipam;
	u.launch_image = p->launch_image;
	if (r == 0)
		r = ctl_unit_start(p->rt, &u, &p->unit, err);
	if (r == 0)
		r = serve(p, f, err);
	if (r == 0)
		show(p, f);
	return r < 0 ? r : run_for_lease(p, f, seed, err);
}

static int run(const struct flags *f)
{
	bw_autofree struct program *p = calloc(1, sizeof(*p));
	struct bw_err err = { 0 };
	int r;

	if (!p)
		return 1;
	r = start(p, f, &err);
	if (r == 0) {
		bw_log_info("running", "identity", f->identity, "launch_image",
			    p->launch_image ? p->launch_image : "none");
		r = bw_loop_run(p->loop, &err);
	}
	if (r < 0)
		bw_log_error(err.msg, "details", err.details[0] ? err.details : NULL);
	bw_kube_lease_free(&p->lease);
	bw_kube_health_free(&p->health);
	bw_kube_health_free(&p->metrics);
	page_stop(p->page);
	bw_kube_runtime_free(&p->rt);
	page_free(&p->page);
	ctl_unit_free(&p->unit);
	ctl_ipam_free(&p->ipam);
	free(p->launch_image);
	bw_kube_client_free(&p->client);
	bw_loop_free(&p->loop);
	return r < 0 ? 1 : p->exit_code;
}

/* A number of seconds from @min to SECONDS_MAX. */
static int read_seconds(const char *value, unsigned int min, unsigned int *ret, struct bw_err *err)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(value, &end, 10);
	if (errno || *end || end == value || *value == '-' || v < min || v > SECONDS_MAX)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "expected a number of seconds from %u to %u", min, SECONDS_MAX);
	*ret = (unsigned int)v;
	return 0;
}

static int add_lease(const char *value, void *arg, struct bw_err *err)
{
	return read_seconds(value, LEASE_MIN_S, arg, err);
}

static int add_epoch(const char *value, void *arg, struct bw_err *err)
{
	return read_seconds(value, EPOCH_MIN_S, arg, err);
}

int main(int argc, char **argv)
{
	struct flags f = { .log_level = "info",
			   .namespace = env_or("POD_NAMESPACE", "barewire-system"),
			   .identity = env_or("POD_NAME", "barewire-controller") };
	const struct bw_daemon_flag flags[] = {
		{ "kubeconfig", .text = &f.kubeconfig },
		{ "context", .text = &f.context },
		{ "metrics-address", .text = &f.metrics },
		{ "health-address", .text = &f.health },
		{ "log-level", .text = &f.log_level },
		{ "namespace", .text = &f.namespace },
		{ "identity", .text = &f.identity },
		{ "lease-duration", .add = add_lease, .arg = &f.lease_s },
		{ "epoch-interval", .add = add_epoch, .arg = &f.epoch_s },
		{ "launch-image", .text = &f.launch_image },
		{ "no-exec", .set = &f.no_exec },
		{ "page-address", .text = &f.page },
		{ "page-tls-cert", .text = &f.page_cert },
		{ "page-tls-key", .text = &f.page_key },
		{ .name = NULL },
	};
	const struct bw_daemon_about about = { PROGRAM, BW_VERSION, usage, flags };
	enum bw_log_level level;
	struct bw_err err = { 0 };
	int r = bw_daemon_parse(argc, argv, &about);

	if (r > 0)
		return 0;
	if (r == 0 && bw_log_level_parse(f.log_level, &level) < 0) {
		bw_daemon_refuse(&about, "--log-level: expected error, warn, info or debug");
		r = -EINVAL;
	}
	if (r == 0) {
		r = page_check(f.page, f.page_cert, f.page_key, &f.page, &err);
		if (r < 0)
			bw_daemon_refuse(&about, err.msg);
	}
	if (r < 0)
		return BW_DAEMON_EXIT_USAGE;
	bw_log_setup(level, STDERR_FILENO, "controller", NULL, NULL);
	return run(&f);
}
