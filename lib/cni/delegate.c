/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running a delegate: our environment with another CNI_COMMAND, the configuration's bytes on its
 * stdin (a memfd: no pipe to fill while its answer waits), its answer from a pipe with a bound.
 */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cjson/cJSON.h>

#include <bw/buf.h>
#include <bw/cni_delegate.h>
#include <bw/cni_result.h>
#include <bw/err.h>
#include <bw/io.h>
#include <bw/json.h>

#define PATH_LEN_MAX 4096 /* PATH_MAX */
#define COMMAND "CNI_COMMAND"

static int check_type(const char *key, const char *type, struct bw_err *err)
{
	if (*type && !strchr(type, '/') && strcmp(type, ".") != 0 && strcmp(type, "..") != 0)
		return 0;
	return bw_reject(err, BW_ERR_INVALID, EINVAL,
			 "%s: expected a program's name without a slash, got \"%.64s\"", key, type);
}

/* The first regular executable file of that name in the folders of CNI_PATH. */
static int find_program(const char *path, const char *key, const char *type, char out[PATH_LEN_MAX],
			struct bw_err *err)
{
	if (!path || !*path)
		return bw_reject(err, BW_ERR_ENVIRONMENT, EINVAL,
				 "CNI_PATH is missing: it is searched for the plugin %.64s", type);
	for (const char *dir = path; *dir;) {
		size_t len = strcspn(dir, ":");
		struct stat st;
		int n = snprintf(out, PATH_LEN_MAX, "%.*s/%s", (int)len, dir, type);

		if (len > 0 && n > 0 && n < PATH_LEN_MAX && stat(out, &st) == 0 &&
		    S_ISREG(st.st_mode) && (st.st_mode & 0111))
			return 0;
		dir += len + (dir[len] == ':');
	}
	return bw_reject(err, BW_ERR_INVALID, ENOENT,
			 "%s: no plugin \"%.64s\" in CNI_PATH \"%.300s\"", key, type, path);
}

/* environ with one variable replaced. The strings stay environ's but @command. */
static char **make_env(char *command)
{
	static char *none[] = { NULL };
	char **vars = environ ? environ : none;
	size_t n = 0, used = 0;
	char **copy;

	while (vars[n])
		n++;
	copy = calloc(n + 2, sizeof(*copy));
	if (!copy)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (strncmp(vars[i], COMMAND "=", sizeof(COMMAND)) != 0)
			copy[used++] = vars[i];
	copy[used] = command;
	return copy;
}

static int make_stdin(const char *text, size_t size, int *ret_fd, struct bw_err *err)
{
	bw_autoclose int fd = -1;
	int r;

	fd = memfd_create("cni-conf", MFD_CLOEXEC);
	if (fd < 0)
		return bw_fail(err, errno, "make a memory file for a delegate's input");
	r = bw_io_write_all(fd, text, size, err);
	if (r < 0)
		return r;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return bw_fail(err, errno, "rewind a delegate's input");
	*ret_fd = BW_TAKE_FD(fd);
	return 0;
}

static int spawn(char *path, char **env, int in, int out, pid_t *ret_pid, struct bw_err *err)
{
	char *const argv[] = { path, NULL };
	posix_spawn_file_actions_t actions;
	int r = posix_spawn_file_actions_init(&actions);

	if (r != 0)
		return bw_fail(err, r, "prepare to start %s", path);
	r = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn(ret_pid, path, &actions, NULL, argv, env);
	(void)posix_spawn_file_actions_destroy(&actions); /* only frees memory, ignoring */
	return r == 0 ? 0 : bw_fail(err, r, "start %s", path);
}

static int wait_for(pid_t pid, const char *type, int *ret_status, struct bw_err *err)
{
	while (waitpid(pid, ret_status, 0) < 0)
		if (errno != EINTR)
			return bw_fail(err, errno, "wait for the IPAM plugin %s", type);
	return 0;
}

struct call {
	const struct bw_cni_request *req;
	const char *type;
	enum bw_cni_verb verb;
	char path[PATH_LEN_MAX];
};

/* Starts the program, reads its answer whole and reaps it. */
static int run(struct call *c, struct bw_buf *ret_out, int *ret_status, struct bw_err *err)
{
	bw_autoclose int in = -1, out_read = -1, out_write = -1;
	bw_autofree char **env = NULL;
	char command[32];
	int fds[2] = { -1, -1 };
	pid_t pid = -1;
	int r, w;

	(void)snprintf(command, sizeof(command), COMMAND "=%s",
		       bw_cni_verb_str(c->verb)); /* fits */
	env = make_env(command);
	if (!env)
		return bw_fail(err, ENOMEM, "start %s", c->path);
	r = make_stdin(c->req->stdin_text, c->req->stdin_size, &in, err);
	if (r < 0)
		return r;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return bw_fail(err, errno, "make a pipe for a delegate's answer");
	out_read = fds[0];
	out_write = fds[1];
	/* An ignored SIGCHLD survives exec and would make waitpid(2) forget the exit status. */
	(void)signal(SIGCHLD, SIG_DFL); /* cannot fail for a valid signal, ignoring */
	r = spawn(c->path, env, in, out_write, &pid, err);
	if (r < 0)
		return r;
	bw_autoclose_fn(&out_write);
	out_write = -1;
	r = bw_io_read_all(out_read, BW_CNI_STDIN_MAX, ret_out, err);
	if (r < 0)
		(void)kill(pid, SIGKILL); /* it may have ended already, ignoring */
	w = wait_for(pid, c->type, ret_status, r < 0 ? NULL : err);
	if (r < 0)
		return bw_wrap(err, r, "answer of the IPAM plugin %s", c->type);
	return w;
}

struct foreign {
	int64_t code;
	const char *msg;
	const char *details;
};

static const struct bw_json_field foreign_fields[] = {
	BW_JSON_FIELD(INT, struct foreign, code, "code", .min = 1, .max = INT32_MAX),
	BW_JSON_FIELD(STR, struct foreign, msg, "msg", .max = BW_CNI_STDIN_MAX),
	BW_JSON_FIELD(STR, struct foreign, details, "details", .max = BW_CNI_STDIN_MAX),
};
static const struct bw_json_table foreign_table = BW_JSON_TABLE(foreign_fields);

/* Its error object becomes our error; without one we say how it ended. */
static int take_error(const char *type, enum bw_cni_verb verb, const struct bw_buf *out, int status,
		      struct bw_err *err)
{
	bw_autojson struct cJSON *json = NULL;
	struct foreign f = { .code = 999, .msg = "", .details = "" };
	int r = -EREMOTEIO;

	if (out->data && bw_json_parse(out->data, out->size, &json, NULL) == 0)
		/* what cannot be read keeps its default, ignoring */
		(void)bw_json_decode_lenient(json, &foreign_table, NULL, &f, NULL);
	if (*f.msg)
		(void)bw_reject(err, BW_ERR_FOREIGN, -r, "%s", f.msg);
	else if (WIFSIGNALED(status))
		(void)bw_reject(err, BW_ERR_FOREIGN, -r, "IPAM plugin %s was killed by signal %d",
				type, WTERMSIG(status));
	else
		(void)bw_reject(err, BW_ERR_FOREIGN, -r,
				"IPAM plugin %s failed with exit code %d and no error object", type,
				WEXITSTATUS(status));
	if (err)
		err->code = (int)f.code;
	if (*f.details)
		bw_err_details(err, "%s", f.details);
	else
		bw_err_details(err, "answer of the IPAM plugin %s to %s", type,
			       bw_cni_verb_str(verb));
	return r;
}

int bw_cni_delegate(const struct bw_cni_request *req, const char *type, enum bw_cni_verb verb,
		    struct bw_cni_result *ret_result, struct bw_err *err)
{
	bw_autojson struct cJSON *json = NULL;
	bw_autobuf struct bw_buf out = { 0 };
	struct call c = { .req = req, .type = type, .verb = verb };
	struct bw_err why = { 0 };
	int status = 0;
	int r = check_type("ipam.type", type, err);

	if (r == 0)
		r = find_program(req->cni_path, "ipam.type", type, c.path, err);
	if (r == 0)
		r = run(&c, &out, &status, err);
	if (r < 0)
		return r;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return take_error(type, verb, &out, status, err);
	if (verb != BW_CNI_ADD || !ret_result)
		return 0;
	r = bw_json_parse(out.data ? out.data : "", out.size, &json, &why);
	if (r == 0)
		r = bw_cni_result_parse(json, req->version, ret_result, &why);
	if (r == -ENOMEM)
		return bw_fail(err, ENOMEM, "read the answer of the IPAM plugin %s", type);
	if (r < 0)
		return bw_reject(err, BW_ERR_INTERNAL, EPROTO,
				 "answer of the IPAM plugin %s to ADD: %s", type, why.msg);
	return 0;
}

int bw_cni_become(const struct bw_cni_request *req, const char *type, const char *text,
		  struct bw_err *err)
{
	char *const argv[] = { (char *)(uintptr_t)type, NULL };
	bw_autoclose int in = -1;
	char path[PATH_LEN_MAX];
	int r = check_type("mode", type, err);

	if (r == 0)
		r = find_program(req->cni_path, "mode", type, path, err);
	if (r == 0)
		r = make_stdin(text, strlen(text), &in, err);
	if (r < 0)
		return r;
	if (dup2(in, STDIN_FILENO) < 0)
		return bw_fail(err, errno, "give %s its input", path);
	(void)execve(path, argv, environ); /* returns on failure alone, ignoring */
	return bw_fail(err, errno, "become %s", path);
}
