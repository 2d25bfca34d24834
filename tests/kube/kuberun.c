/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runtime against a real server: a controller of ConfigMaps with the label twin=wanted, each of
 * which gets a second one named <name>-twin and, when that is there, data.twin=made.
 *
 *     kuberun KUBECONFIG IDENTITY [SECONDS]
 *
 * Runs for leadership as IDENTITY until SIGTERM (or SECONDS are over), gives the Lease up, and
 * prints what happens: "lead 1", "run NAME", "synced N", then the metrics.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <bw/buf.h>
#include <bw/err.h>
#include <bw/kube_config.h>
#include <bw/kube_controller.h>
#include <bw/kube_http.h>
#include <bw/kube_lease.h>
#include <bw/kube_metrics.h>
#include <bw/kube_text.h>
#include <bw/loop.h>

#define NS_PER_S 1000000000LL

static const struct bw_kube_kind maps = { "", "v1", "configmaps", "ConfigMap", 1 };

struct state {
	struct bw_loop *loop;
	struct bw_kube_client *client;
	struct bw_kube_runtime *rt;
	struct bw_kube_store *maps;
	struct bw_kube_store *wanted;
	struct bw_kube_lease *lease;
	struct bw_timer end;
	int ending;
};

static void write_twin(struct bw_plan *p, const char *namespace, const char *name)
{
	char body[512];
	struct bw_kube_request r = { .verb = BW_KUBE_CREATE,
				     .kind = &maps,
				     .namespace = namespace,
				     .manager = "kuberun",
				     .body = body,
				     .grace_s = -1 };

	(void)snprintf(body, sizeof(body),
		       "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":"
		       "\"%.200s-twin\"}}",
		       name);
	r.body_size = strlen(body);
	bw_plan_write(p, &r, NULL, NULL);
}

static int reconcile(const char *namespace, const char *name, struct bw_kube_object *o,
		     struct bw_plan *p, void *arg, struct bw_err *err)
{
	struct state *s = arg;
	char twin[BW_KUBE_NAME_MAX + 8];
	char made[16];
	char body[256];
	struct bw_kube_request r = { .verb = BW_KUBE_MERGE,
				     .kind = &maps,
				     .namespace = namespace,
				     .name = name,
				     .manager = "kuberun",
				     .body = body,
				     .grace_s = -1 };

	(void)err;
	printf("run %s\n", name);
	(void)snprintf(twin, sizeof(twin), "%s-twin", name);
	if (!o || (bw_kube_text_copy(o->text, o->size, made, sizeof(made), "data", "twin") == 0 &&
		   !strcmp(made, "made")))
		return 0;
	if (!bw_kube_store_get(s->maps, namespace, twin))
		write_twin(p, namespace, name);
	(void)snprintf(body, sizeof(body),
		       "{\"metadata\":{\"resourceVersion\":\"%s\"},\"data\":{\"twin\":\"made\"}}",
		       o->rv);
	r.body_size = strlen(body);
	bw_plan_write(p, &r, NULL, NULL);
	bw_plan_event(p, NULL, BW_EVENT_NORMAL, "TwinMade", "%s is there", twin);
	return 0;
}

static void on_lead(int leading, void *arg)
{
	struct state *s = arg;

	printf("lead %d\n", leading);
	(void)fflush(stdout);
	bw_kube_runtime_lead(s->rt, leading);
}

static void on_released(void *arg)
{
	struct state *s = arg;

	bw_loop_stop(s->loop);
}

static void on_stopped(void *arg)
{
	struct state *s = arg;

	bw_kube_lease_release(s->lease, on_released, s);
}

static void on_end(void *arg)
{
	struct state *s = arg;

	if (!s->ending++)
		bw_kube_runtime_stop(s->rt, 5000, on_stopped, s);
}

static void on_signal(int signo, void *arg)
{
	(void)signo;
	on_end(arg);
}

static void on_sync(void *arg)
{
	struct state *s = arg;

	printf("synced %zu\n", bw_kube_store_count(s->wanted));
	(void)fflush(stdout);
}

static int start(struct state *s, const char *identity, struct bw_err *err)
{
	struct bw_kube_watch_options selected = { .namespace = "default",
						  .label_selector = "twin=wanted" };
	struct bw_kube_store *wait_for[] = { NULL, NULL };
	struct bw_controller_options o = {
		.name = "twins", .reconcile = reconcile, .arg = s, .wait_for = wait_for
	};
	struct bw_kube_lease_options lease = { .namespace = "default",
					       .name = "kuberun",
					       .identity = identity,
					       .duration_s = 6,
					       .deadline_ms = 4000,
					       .retry_ms = 500,
					       .lead = on_lead,
					       .arg = s };
	struct bw_controller *c;
	int r = bw_kube_runtime_new(s->loop, s->client, "kuberun", &s->rt, err);

	if (r == 0)
		r = bw_kube_runtime_watch(s->rt, &maps, &selected, &s->wanted, err);
	if (r == 0)
		r = bw_kube_runtime_watch(s->rt, &maps, NULL, &s->maps, err);
	if (r < 0)
		return r;
	o.primary = s->wanted;
	wait_for[0] = s->maps;
	r = bw_controller_new(s->rt, &o, &c, err);
	if (r == 0)
		r = bw_kube_store_on_sync(s->wanted, on_sync, s, err);
	if (r == 0)
		r = bw_kube_lease_new(s->loop, s->client, bw_kube_runtime_metrics(s->rt), &lease,
				      &s->lease, err);
	return r == 0 ? bw_loop_signal(s->loop, SIGTERM, on_signal, s, err) : r;
}

int main(int argc, char **argv)
{
	bw_autobuf struct bw_buf text = { 0 };
	struct bw_kube_config *config = NULL;
	struct state s = { 0 };
	struct bw_err err = { 0 };
	int r;

	if (argc < 3)
		return 2;
	r = bw_loop_new(&s.loop, &err);
	if (r == 0)
		r = bw_kube_config_find(argv[1], NULL, &config, &err);
	if (r == 0)
		r = bw_kube_http_new(s.loop, &config, NULL, &s.client, &err);
	if (r == 0)
		r = start(&s, argv[2], &err);
	if (r == 0) {
		bw_timer_init(&s.end, s.loop, on_end, &s);
		if (argc > 3)
			r = bw_timer_set(&s.end, bw_loop_now_ns(s.loop) +
							 strtol(argv[3], NULL, 10) * NS_PER_S);
		r = r == 0 ? bw_loop_run(s.loop, &err) : r;
		bw_timer_stop(&s.end);
	}
	if (r < 0)
		printf("error: %s\n", err.msg);
	if (r == 0 && bw_metrics_text(bw_kube_runtime_metrics(s.rt), &text) == 0)
		printf("%s", text.data);
	bw_kube_lease_free(&s.lease);
	bw_kube_runtime_free(&s.rt);
	bw_kube_client_free(&s.client);
	bw_loop_free(&s.loop);
	return r < 0 ? 1 : 0;
}
