/* SPDX-License-Identifier: Apache-2.0 */
/* The frame of a long-running program. It speaks to a person before it has a log, with write(2). */
#include <assert.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/kube_config.h>
#include <bw/kube_daemon.h>
#include <bw/kube_http.h>
#include <bw/loop.h>

#define FLAG_VERSION 1000
#define FLAG_HELP 1001
#define LINE_MAX_ 1024
#define RELOAD_MS 10000 /* a token that the kubelet has renewed is used this soon */

static void say(int fd, const char *text)
{
	/* Nobody can be told of a failed write, ignoring. */
	if (write(fd, text, strlen(text)) < 0)
		return;
}

void bw_daemon_refuse(const struct bw_daemon_about *about, const char *why)
{
	char line[LINE_MAX_];

	/* cut is fine, ignoring */
	(void)snprintf(line, sizeof(line), "%s: %.800s (%s --help says more)\n", about->program,
		       why, about->program);
	say(STDERR_FILENO, line);
}

static int refuse(const struct bw_daemon_about *about, const char *what, const char *arg,
		  const char *why)
{
	char text[LINE_MAX_];

	/* cut is fine, ignoring */
	(void)snprintf(text, sizeof(text), "%s%.200s: %.500s", what, arg, why);
	bw_daemon_refuse(about, text);
	return -EINVAL;
}

/* What getopt wants, in the flags' order; their values are their places + 1. */
static void fill(const struct bw_daemon_flag *flags, struct option out[BW_DAEMON_FLAGS_MAX + 3])
{
	size_t n = 0;

	for (; flags[n].name; n++) {
		assert(n < BW_DAEMON_FLAGS_MAX);
		out[n] = (struct option){ flags[n].name,
					  flags[n].set ? no_argument : required_argument, NULL,
					  (int)n + 1 };
	}
	out[n] = (struct option){ "version", no_argument, NULL, FLAG_VERSION };
	out[n + 1] = (struct option){ "help", no_argument, NULL, FLAG_HELP };
	out[n + 2] = (struct option){ 0 };
}

static int take(const struct bw_daemon_about *about, const struct bw_daemon_flag *f,
		const char *value)
{
	struct bw_err err = { 0 };
	char what[64];

	if (f->set) {
		*f->set = 1;
		return 0;
	}
	if (f->text) {
		*f->text = value;
		return 0;
	}
	if (f->add(value, f->arg, &err) >= 0)
		return 0;
	(void)snprintf(what, sizeof(what), "--%.40s ", f->name); /* fits, ignoring */
	return refuse(about, what, value, err.msg);
}

/* --help and --version: a success. */
static int answer(const struct bw_daemon_about *about, int opt)
{
	char line[128];

	if (opt == FLAG_HELP) {
		say(STDOUT_FILENO, about->usage);
		return 1;
	}
	/* fits, ignoring */
	(void)snprintf(line, sizeof(line), "%.60s %.60s\n", about->program, about->version);
	say(STDOUT_FILENO, line);
	return 1;
}

int bw_daemon_parse(int argc, char **argv, const struct bw_daemon_about *about)
{
	struct option options[BW_DAEMON_FLAGS_MAX + 3];
	int opt;

	fill(about->flags, options);
	opterr = 0; /* said here, with the remedy */
	while ((opt = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		int r;

		if (opt == ':')
			return refuse(about, "", argv[optind - 1], "the value is missing");
		if (opt == '?')
			return refuse(about, "", argv[optind - 1], "there is no such flag");
		if (opt == FLAG_HELP || opt == FLAG_VERSION)
			return answer(about, opt);
		r = take(about, &about->flags[opt - 1], optarg);
		if (r < 0)
			return r;
	}
	return optind < argc ? refuse(about, "", argv[optind], "expected flags alone") : 0;
}

int bw_daemon_loop(void (*on_signal)(int signo, void *arg), void *arg, struct bw_loop **ret,
		   struct bw_err *err)
{
	int r = bw_loop_new(ret, err);

	if (r == 0)
		r = bw_loop_signal(*ret, SIGTERM, on_signal, arg, err);
	return r < 0 ? r : bw_loop_signal(*ret, SIGINT, on_signal, arg, err);
}

int bw_daemon_connect(struct bw_loop *loop, const char *kubeconfig, const char *context,
		      const char *agent, struct bw_kube_client **ret, struct bw_err *err)
{
	const struct bw_kube_http_options o = { .agent = agent, .reload_ms = RELOAD_MS };
	bw_autokubeconfig struct bw_kube_config *config = NULL;
	int r = bw_kube_config_find(kubeconfig, context, &config, err);

	return r < 0 ? r : bw_kube_http_new(loop, &config, &o, ret, err);
}
