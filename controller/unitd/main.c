/* SPDX-License-Identifier: Apache-2.0 */
/* barewire-launch's commands: a table, and what stands before their arguments. */
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/io.h>
#include <bw/version.h>

#include "launch.h"

#define CONFIG_DIR "/etc/barewire" /* controller/unit/build.c */
#define ANSWER_SPARE_S 10U /* beyond a stop's grace: whoever is killed needs time to go */

static const char usage[] =
	"usage: barewire-launch run [-d DIR] [-s SIGNAL] [-t SECONDS] -- COMMAND [ARGUMENT...]\n"
	"       barewire-launch stop [-d DIR] [-s SIGNAL] [-t SECONDS] [--pod-uid UID]\n"
	"       barewire-launch start|status [-d DIR] [--pod-uid UID]\n"
	"       barewire-launch probe [-d DIR] [-g SECONDS] [-t SECONDS] [-H 'NAME: VALUE']\n"
	"                             liveness|readiness|startup [-- COMMAND...|tcp HOST:PORT|http URL]\n"
	"       barewire-launch reload [-d DIR] [-s SIGNAL] [--pod-uid UID] HASH [FOLDER]\n"
	"       barewire-launch install PATH\n"
	"       barewire-launch version|help\n";

static void put(int fd, const char *text)
{
	(void)bw_io_write_all(fd, text, strlen(text), NULL); /* the status tells, ignoring */
}

static int fail(const struct bw_err *err)
{
	put(STDERR_FILENO, "barewire-launch: ");
	put(STDERR_FILENO, err->msg);
	put(STDERR_FILENO, "\n");
	return LAUNCH_FAILED;
}

static int misused(const char *why, const char *what)
{
	put(STDERR_FILENO, "barewire-launch: ");
	put(STDERR_FILENO, why);
	put(STDERR_FILENO, what);
	put(STDERR_FILENO, "\n");
	put(STDERR_FILENO, usage);
	return LAUNCH_USAGE;
}

/* The folder of the stop file and the socket: where this program lies, unless told otherwise. */
static int find_dir(const struct launch_options *o, char ret[PATH_MAX], struct bw_err *err)
{
	ssize_t n;
	char *slash;

	if (o->dir) {
		n = snprintf(ret, PATH_MAX, "%s", o->dir);
		return n >= PATH_MAX ? bw_fail(err, ENAMETOOLONG, "use the folder of -d") : 0;
	}
	n = readlink("/proc/self/exe", ret, PATH_MAX - 1);
	if (n < 0)
		return bw_fail(err, errno, "read /proc/self/exe");
	ret[n] = '\0';
	slash = strrchr(ret, '/');
	if (slash)
		*(slash == ret ? slash + 1 : slash) = '\0';
	return 0;
}

static int do_run(const struct launch_options *o, const char *dir, char *const *args)
{
	if (args[0] && strcmp(args[0], "--") == 0)
		args++;
	return args[0] ? launch_run(o, dir, args) : misused("run needs a command", "");
}

/* Asks process 1 and prints what it says. */
static int ask(const char *dir, const char *request, unsigned int wait_s, struct bw_buf *answer)
{
	struct bw_err err = { 0 };

	if (launch_ask(dir, request, wait_s, answer, &err) < 0)
		return fail(&err);
	put(STDOUT_FILENO, answer->data);
	put(STDOUT_FILENO, "\n");
	return strncmp(answer->data, "{\"error\"", 8) == 0 ? LAUNCH_FAILED : 0;
}

static int is_state(const struct bw_buf *answer, enum launch_state state)
{
	const char *text = launch_state_str(state);

	return answer->size > 10 && strncmp(answer->data + 10, text, strlen(text)) == 0;
}

static int do_stop(const struct launch_options *o, const char *dir, char *const *args)
{
	bw_autobuf struct bw_buf answer = { 0 };
	char request[LAUNCH_LINE_MAX];
	int r;

	(void)args;
	(void)snprintf(request, sizeof(request), "stop %u %d\n", o->seconds,
		       o->stop_signal); /* fits, ignoring */
	r = ask(dir, request, o->seconds + ANSWER_SPARE_S, &answer);
	/* Somebody may have started it again meanwhile. */
	return r == 0 && !is_state(&answer, LAUNCH_STOPPED) ? LAUNCH_FAILED : r;
}

static int do_start(const struct launch_options *o, const char *dir, char *const *args)
{
	bw_autobuf struct bw_buf answer = { 0 };

	(void)args;
	/* A stop that is under way is waited for. */
	return ask(dir, "start\n", o->seconds + ANSWER_SPARE_S, &answer);
}

static int do_status(const struct launch_options *o, const char *dir, char *const *args)
{
	bw_autobuf struct bw_buf answer = { 0 };
	int r;

	(void)o;
	(void)args;
	r = ask(dir, "status\n", ANSWER_SPARE_S, &answer);
	return r == 0 && !is_state(&answer, LAUNCH_RUNNING) ? LAUNCH_NOT_RUNNING : r;
}

static int is_hash(const char *text)
{
	char *end;

	if (strncmp(text, LAUNCH_MARKED, strlen(LAUNCH_MARKED)) == 0)
		return 1;
	errno = 0;
	(void)strtoull(text, &end, 16); /* whether it can be read is what counts, ignoring */
	return !errno && end != text && !*end;
}

static int do_reload(const struct launch_options *o, const char *dir, char *const *args)
{
	bw_autobuf struct bw_buf answer = { 0 };
	struct bw_err err = { 0 };
	char request[LAUNCH_LINE_MAX];
	int there;
	int r;

	if (!args[0] || (args[1] && args[2]))
		return misused("reload needs a hash and at most one folder", "");
	if (!is_hash(args[0]))
		return misused("no such hash: ", args[0]);
	if (launch_folder_is(args[1] ? args[1] : CONFIG_DIR, args[0], &there, &err) < 0)
		return fail(&err);
	if (!there) {
		put(STDOUT_FILENO, "the files are not there yet\n");
		return LAUNCH_NOT_RUNNING;
	}
	(void)snprintf(request, sizeof(request), "signal %d\n", o->stop_signal); /* fits */
	r = ask(dir, request, ANSWER_SPARE_S, &answer);
	return r == 0 && !is_state(&answer, LAUNCH_RUNNING) ? LAUNCH_NOT_RUNNING : r;
}

static int do_install(const struct launch_options *o, const char *dir, char *const *args)
{
	struct bw_err err = { 0 };

	(void)o;
	(void)dir;
	if (!args[0] || args[1])
		return misused("install needs one path", "");
	return launch_install(args[0], &err) < 0 ? fail(&err) : 0;
}

static int do_version(const struct launch_options *o, const char *dir, char *const *args)
{
	(void)o;
	(void)dir;
	(void)args;
	put(STDOUT_FILENO, "barewire-launch " BW_VERSION "\n");
	return 0;
}

static int do_help(const struct launch_options *o, const char *dir, char *const *args)
{
	(void)o;
	(void)dir;
	(void)args;
	put(STDOUT_FILENO, usage);
	return 0;
}

static const struct {
	const char *name;
	const char *options; /* as of getopt(3) */
	unsigned int seconds; /* without -t */
	int stop_signal; /* without -s */
	int (*fn)(const struct launch_options *o, const char *dir, char *const *args);
} verbs[] = {
	{ "run", "+:d:s:t:", LAUNCH_GRACE_S, SIGTERM, do_run },
	{ "stop", "+:d:s:t:u:", LAUNCH_GRACE_S, 0, do_stop },
	{ "start", "+:d:t:u:", LAUNCH_GRACE_S, 0, do_start },
	{ "status", "+:d:u:", 0, 0, do_status },
	{ "probe", "+:d:g:t:H:", 1, 0, launch_probe },
	{ "reload", "+:d:s:u:", 0, SIGHUP, do_reload },
	{ "install", "+:", 0, 0, do_install },
	{ "version", "+:", 0, 0, do_version },
	{ "help", "+:", 0, 0, do_help },
};

static int take_seconds(const char *text, unsigned int *ret)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno || end == text || *end || n < 0 || n > (long)LAUNCH_GRACE_MAX_S)
		return -EINVAL;
	*ret = (unsigned int)n;
	return 0;
}

static int take_option(struct launch_options *o, int c, const char *value)
{
	switch (c) {
	case 'd':
		o->dir = value;
		return 0;
	case 's':
		o->stop_signal = launch_signal_number(value);
		return o->stop_signal ? 0 : -EINVAL;
	case 't':
		return take_seconds(value, &o->seconds);
	case 'u':
		o->pod_uid = value;
		return 0;
	case 'g':
		return take_seconds(value, &o->start_grace_s);
	case 'H':
		if (o->n_headers == BW_ARRAY_SIZE(o->headers) || strpbrk(value, "\r\n") ||
		    !strchr(value, ':'))
			return -EINVAL;
		o->headers[o->n_headers++] = value;
		return 0;
	default:
		return -EINVAL;
	}
}

/* 0 go on; else the status to end with. */
static int check_pod(const struct launch_options *o, const char *dir)
{
	struct bw_err err = { 0 };
	int r = o->pod_uid ? launch_pod_is(dir, o->pod_uid, &err) : 1;

	if (r < 0)
		return fail(&err);
	if (r > 0)
		return 0;
	put(STDERR_FILENO, "barewire-launch: this is another pod, nothing was done\n");
	return LAUNCH_ANOTHER_POD;
}

static int run_verb(size_t v, int argc, char **argv)
{
	static const struct option longs[] = { { "pod-uid", required_argument, NULL, 'u' },
					       { NULL, 0, NULL, 0 } };
	struct launch_options o = { .seconds = verbs[v].seconds,
				    .stop_signal = verbs[v].stop_signal };
	struct bw_err err = { 0 };
	char dir[PATH_MAX];
	int c;
	int r;

	/* "--" is left to those who want to see it. */
	while ((c = getopt_long(argc, argv, verbs[v].options, longs, NULL)) != -1)
		if (c == ':' || c == '?' || (c == 'u' && !strstr(verbs[v].options, "u:")) ||
		    take_option(&o, c, optarg) < 0)
			return misused("wrong option: ", argv[optind - 1]);
	/* Who knows no -d uses no folder, and no /proc to find it. */
	dir[0] = '\0';
	if (strstr(verbs[v].options, "d:") && find_dir(&o, dir, &err) < 0)
		return fail(&err);
	r = check_pod(&o, dir);
	return r ? r : verbs[v].fn(&o, dir, argv + optind);
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < BW_ARRAY_SIZE(verbs); i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return run_verb(i, argc - 1, argv + 1);
	return misused(argc > 1 ? "unknown command: " : "no command", argc > 1 ? argv[1] : "");
}
