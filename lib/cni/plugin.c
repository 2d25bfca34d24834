/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame of every CNI program: environment and stdin in, exactly one document on stdout out.
 * A program's own part is its table of verbs (struct bw_cni_plugin); this file runs one of them.
 */
#include <assert.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/buf.h>
#include <bw/cni_plugin.h>
#include <bw/cni_result.h>
#include <bw/cni_version.h>
#include <bw/err.h>
#include <bw/io.h>
#include <bw/json.h>
#include <bw/log.h>
#include <bw/version.h>

#define HEAP_STEP (1 << 20) /* bytes: one growth of the heap serves a whole verb */

/*
 * What kind of failure becomes which CNI error code.
 * Source: CNI specification 1.1.0, "Error"; 999 is the Go skeleton's internal error.
 */
static const int codes[] = {
	[BW_ERR_INTERNAL] = 999, [BW_ERR_INVALID] = 7,      [BW_ERR_UNSUPPORTED] = 2,
	[BW_ERR_VERSION] = 1,    [BW_ERR_NO_CONTAINER] = 3, [BW_ERR_ENVIRONMENT] = 4,
	[BW_ERR_IO] = 5,         [BW_ERR_DECODE] = 6,       [BW_ERR_NETNS] = 8,
	[BW_ERR_BUSY] = 11,      [BW_ERR_UNAVAILABLE] = 50, [BW_ERR_LIMITED] = 51,
	[BW_ERR_FOREIGN] = 0, /* the delegate's own */
};
static_assert(BW_ARRAY_SIZE(codes) == BW_ERR_MAX_, "a class without a code");

int bw_cni_err_code(const struct bw_err *err)
{
	int code = (unsigned int)err->class < BW_ERR_MAX_ ? codes[err->class] : 0;

	if (err->class == BW_ERR_FOREIGN)
		code = err->code;
	return code > 0 ? code : codes[BW_ERR_INTERNAL];
}

/* Prints a tree and a newline in one write. */
static int print_json(const struct cJSON *json, struct bw_err *err)
{
	bw_autofree char *text = NULL;
	size_t len;
	int r = bw_json_print(json, 0, &text, err);

	if (r < 0)
		return r;
	len = strlen(text);
	text[len] = '\n'; /* in place of the NUL: the size is what counts */
	return bw_io_write_all(STDOUT_FILENO, text, len + 1, err);
}

/* The version an answer is written in: the configuration's where it can be read. */
static const char *answer_version(const struct cJSON *conf)
{
	const char *version = bw_json_get_str(conf, "cniVersion");

	return bw_cni_version_known(version) ? version : BW_CNI_VERSION_NEWEST;
}

/* The one place where a failure becomes an error object, and a log line. Returns the exit code. */
static int print_error(const struct cJSON *conf, int r, struct bw_err *why)
{
	/* what is printed when there is not even memory for the object */
	static const char last[] = "{\"cniVersion\":\"" BW_CNI_VERSION_NEWEST
				   "\",\"code\":999,\"msg\":\"out of memory\"}\n";
	bw_autojson struct cJSON *json = NULL;
	bw_autobuild struct bw_json_build b = { 0 };
	struct cJSON *root = bw_json_build_object(&b);
	struct bw_err err = { 0 };
	char code[16];

	if (!why->msg[0])
		(void)bw_fail(why, -r, "serve the request"); /* keeps r, ignoring */
	bw_json_clean(why->msg);
	bw_json_clean(why->details);
	(void)snprintf(code, sizeof(code), "%d", bw_cni_err_code(why)); /* fits, ignoring */
	bw_log_error(why->msg, "code", code, "class", bw_err_class_str(why->class));
	bw_json_put_str(&b, root, "cniVersion", answer_version(conf));
	bw_json_put_int(&b, root, "code", bw_cni_err_code(why));
	bw_json_put_str(&b, root, "msg", why->msg);
	if (why->details[0])
		bw_json_put_str(&b, root, "details", why->details);
	if (bw_json_build_take(&b, &json, &err) == 0 && print_json(json, &err) == 0)
		return 1;
	if (err.errnum == ENOMEM)
		(void)bw_io_write_all(STDOUT_FILENO, last, sizeof(last) - 1, NULL); /* ignoring */
	return 1;
}

static int print_version(const char *version, struct bw_err *err)
{
	bw_autojson struct cJSON *json = NULL;
	bw_autobuild struct bw_json_build b = { 0 };
	struct cJSON *root = bw_json_build_object(&b);
	struct cJSON *list;
	int r;

	bw_json_put_str(&b, root, "cniVersion", version);
	list = bw_json_put_array(&b, root, "supportedVersions");
	for (size_t i = 0; bw_cni_versions[i]; i++)
		bw_json_put_str(&b, list, NULL, bw_cni_versions[i]);
	r = bw_json_build_take(&b, &json, err);
	return r < 0 ? r : print_json(json, err);
}

static int print_result(const struct bw_cni_request *req, const struct bw_cni_result *result,
			struct bw_err *err)
{
	bw_autojson struct cJSON *json = NULL;
	int r = bw_cni_result_to_json(result, req->version, &json, err);

	return r < 0 ? r : print_json(json, err);
}

/*
 * A program started with stdout or stderr closed would get those numbers for its sockets and
 * files, and write its answer into them. A closed stdin stays closed: reading it fails.
 */
static void keep_standard_fds(void)
{
	struct pollfd fds[] = { { .fd = STDOUT_FILENO }, { .fd = STDERR_FILENO } };

	if (poll(fds, BW_ARRAY_SIZE(fds), 0) <= 0)
		return;
	for (size_t i = 0; i < BW_ARRAY_SIZE(fds); i++) {
		int fd = -1;

		if (!(fds[i].revents & POLLNVAL))
			continue;
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (fd >= 0 && fd != fds[i].fd) {
			(void)dup2(fd, fds[i].fd); /* the first write will fail then, ignoring */
			(void)close(fd); /* nothing to do about it, ignoring */
		}
	}
}

static int read_stdin(struct bw_buf *text, struct bw_err *err)
{
	int r = bw_io_read_all(STDIN_FILENO, BW_CNI_STDIN_MAX, text, err);

	if (r == -EFBIG)
		return bw_reject(err, BW_ERR_DECODE, EFBIG,
				 "network configuration: expected at most %u bytes on standard "
				 "input, got more",
				 BW_CNI_STDIN_MAX);
	if (r < 0) {
		(void)bw_wrap(err, r, "read the network configuration"); /* keeps r, ignoring */
		if (err)
			err->class = BW_ERR_IO;
		return r;
	}
	return 0;
}

/* What stands in a log key; NULL when it is absent or empty, or is no text and @verb is DEL. */
static int log_key(const struct bw_cni_request *req, const char *key, const char *expected,
		   const char **ret, struct bw_err *err)
{
	const struct cJSON *json = bw_json_get(req->conf, key);
	const char *text = cJSON_GetStringValue(json);
	struct bw_json_path at = { .key = key };

	if (json && !text && req->verb != BW_CNI_DEL)
		return bw_json_expect(json, &at, err, "%s", expected);
	*ret = text && *text ? text : NULL;
	return 0;
}

/* Opens logFile for the rest of the process's life. A file that cannot be had stops no container.
 */
static int open_log_file(const char *path)
{
	int fd;

	if (!path)
		return STDERR_FILENO;
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0640);
	if (fd < 0)
		bw_log_warn("cannot open logFile, logging to standard error", "path", path, "error",
			    strerror(errno));
	return fd < 0 ? STDERR_FILENO : fd;
}

/* Configuration keys logLevel ("debug" shows what the libraries do) and logFile. */
static int setup_log(const struct bw_cni_request *req, struct bw_err *err)
{
	static const char levels[] = "one of error, warn, info, debug";
	const struct cJSON *json = bw_json_get(req->conf, "logLevel");
	struct bw_json_path at = { .key = "logLevel" };
	enum bw_log_level level = BW_LOG_INFO;
	const char *name = NULL;
	const char *path = NULL;
	int r = log_key(req, "logLevel", levels, &name, err);

	if (r == 0)
		r = log_key(req, "logFile", "the absolute path of a file", &path, err);
	if (r < 0)
		return r;
	if (name && bw_log_level_parse(name, &level) < 0 && req->verb != BW_CNI_DEL)
		return bw_json_expect(json, &at, err, "%s", levels);
	if (path && *path != '/') {
		at.key = "logFile";
		if (req->verb != BW_CNI_DEL)
			return bw_json_expect(bw_json_get(req->conf, "logFile"), &at, err,
					      "the absolute path of a file");
		path = NULL;
	}
	bw_log_setup(level, open_log_file(path), bw_cni_verb_str(req->verb), req->container_id,
		     req->ifname);
	return 0;
}

static int run_verb(const struct bw_cni_plugin *plugin, struct bw_cni_request *req,
		    const struct bw_cni_env *env, struct bw_err *err)
{
	struct bw_cni_result result = { 0 };
	int r = setup_log(req, err);

	if (r == 0)
		r = bw_cni_request_check_netns(req, env->netns_override, err);
	if (r == 0 && plugin->verbs[req->verb])
		r = plugin->verbs[req->verb](req, &result, err);
	if (r == 0 && req->verb == BW_CNI_ADD)
		r = print_result(req, &result, err);
	bw_cni_result_done(&result);
	return r;
}

/* VERSION answers whatever stands on stdin. */
static int run_version(const struct bw_cni_env *env, const struct bw_buf *text, struct bw_err *err)
{
	bw_autorequest struct bw_cni_request *req = NULL;

	/* without a readable configuration our newest version is named, ignoring */
	(void)bw_cni_request_new(env, BW_CNI_VERSION, text->data ? text->data : "", text->size,
				 NULL, &req, NULL);
	return print_version(answer_version(req ? req->conf : NULL), err);
}

/* A request that could not be made: its configuration is read once more for its version alone. */
static int print_early_error(const struct bw_buf *text, int r, struct bw_err *err)
{
	bw_autojson struct cJSON *conf = NULL;

	if (text->data)
		(void)bw_json_parse(text->data, text->size, &conf,
				    NULL); /* may be none, ignoring */
	return print_error(conf, r, err);
}

static int run(const struct bw_cni_plugin *plugin, const struct bw_cni_env *env)
{
	bw_autorequest struct bw_cni_request *req = NULL;
	bw_autobuf struct bw_buf text = { 0 };
	enum bw_cni_verb verb = BW_CNI_VERSION;
	struct bw_err err = { 0 };
	int r = bw_cni_env_check(env, &verb, &err);

	bw_log_setup(BW_LOG_INFO, STDERR_FILENO, env->command, env->container_id, env->ifname);
	if (r < 0)
		return print_error(NULL, r, &err);
	r = read_stdin(&text, &err);
	if (verb == BW_CNI_VERSION) {
		r = run_version(env, &text, &err);
		return r < 0 ? print_error(NULL, r, &err) : 0;
	}
	if (r == 0)
		r = bw_cni_request_new(env, verb, text.data ? text.data : "", text.size,
				       plugin->args_known, &req, &err);
	if (r < 0 || !req)
		return print_early_error(&text, r, &err);
	r = run_verb(plugin, req, env, &err);
	return r < 0 ? print_error(req->conf, r, &err) : 0;
}

/* For a person who runs the program by hand: on stderr, as stdout belongs to the protocol. */
static void print_about(const struct bw_cni_plugin *plugin, FILE *out)
{
	(void)fprintf(out, "%s %s: %s\nCNI protocol versions supported:", plugin->name, BW_VERSION,
		      plugin->about);
	for (size_t i = 0; bw_cni_versions[i]; i++)
		(void)fprintf(out, "%s %s", i ? "," : "", bw_cni_versions[i]);
	(void)fprintf(out, "\n");
}

static int answer_person(const struct bw_cni_plugin *plugin, int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		(void)printf("%s %s\n", plugin->name, BW_VERSION);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		print_about(plugin, stdout);
		(void)printf(
			"\nA container runtime starts this program with CNI_COMMAND and its "
			"companions in the\nenvironment and a network configuration on standard "
			"input; see man %s.\n",
			plugin->name);
		return 0;
	}
	(void)fprintf(stderr, "%s: unknown argument %s; it takes --help and --version\n",
		      plugin->name, argv[1]);
	return 2;
}

int bw_cni_plugin_main(const struct bw_cni_plugin *plugin, int argc, char **argv)
{
	struct bw_cni_env env;

	(void)mallopt(M_TOP_PAD, HEAP_STEP); /* only saves system calls, ignoring */
	(void)mallopt(M_TRIM_THRESHOLD, 2 * HEAP_STEP); /* likewise */
	if (argc > 1)
		return answer_person(plugin, argc, argv);
	keep_standard_fds();
	bw_cni_env_read(&env);
	if (!env.command) {
		print_about(plugin, stderr);
		return 0;
	}
	return run(plugin, &env);
}
