/* SPDX-License-Identifier: Apache-2.0 */
/*
 * barewire-launch: process 1 of a database's container. It runs the command, and can be told to
 * stop it and start it again while the container, and with it the pod and its address, stays.
 *
 * I1 The stop file is the truth: while it exists the command does not run, also after the container
 *    was restarted. Only process 1 makes and removes it.
 * I2 Without the stop file the container ends when the command ends, with the command's status.
 * I3 Every process that lost its parent is reaped; "Stopped" means that no child is left.
 */
#pragma once

#include <sys/types.h>

#include <bw/buf.h>
#include <bw/defs.h>
#include <bw/loop.h>

struct bw_err;
struct launch;

#define LAUNCH_STOP_FILE "stop"
#define LAUNCH_START_FILE "started" /* seconds since boot of the last start */
#define LAUNCH_SOCKET "launch.sock"
#define LAUNCH_POD_FILE "pod-uid" /* of the pod whose folder it is */
#define LAUNCH_POD_ENV "BAREWIRE_POD_UID" /* what install writes there */
#define LAUNCH_CLIENTS_MAX 8
#define LAUNCH_TOLD_MAX 256 /* processes; whoever comes later dies when the grace is over */
#define LAUNCH_LINE_MAX 128 /* bytes of a request */
#define LAUNCH_ANSWER_MAX 512
#define LAUNCH_GRACE_S 30U /* before a stopped command is killed */
#define LAUNCH_GRACE_MAX_S 86400U

/* Exit statuses of the commands; those of a command that cannot be started are the shell's. */
#define LAUNCH_FAILED 1
#define LAUNCH_USAGE 2
#define LAUNCH_NOT_RUNNING 3
#define LAUNCH_ANOTHER_POD 4 /* nothing was done */
#define LAUNCH_CANNOT_RUN 126
#define LAUNCH_NOT_FOUND 127

enum launch_state {
	LAUNCH_RUNNING,
	LAUNCH_STOPPING, /* somebody is still there; what comes then, the stop file says */
	LAUNCH_STOPPED,
	LAUNCH_STATE_MAX_,
};
const char *launch_state_str(enum launch_state state);

/* What a command line says. Borrowed from argv. */
struct launch_options {
	const char *dir; /* NULL = where the program lies */
	const char *pod_uid; /* of the pod that is meant; NULL = whichever this is */
	int stop_signal;
	unsigned int seconds; /* stop: grace; probe: limit of a connection */
	unsigned int start_grace_s; /* probe liveness: after a start it succeeds for so long */
	const char *headers[8]; /* probe http */
	size_t n_headers;
};

/* One connection of launch.sock. */
struct launch_client {
	struct launch *launch;
	int fd; /* -1 = free */
	struct bw_loop_fd watch;
	char line[LAUNCH_LINE_MAX + 1];
	size_t size;
	int waits; /* for the end of STOPPING */
};

struct launch {
	struct bw_loop *loop;
	const struct launch_options *o;
	char *dir;
	char *const *argv;
	enum launch_state state;
	pid_t pid; /* the command; 0 = it does not run */
	int leaving; /* the container ends with the command, stop file or not */
	int killing; /* the grace is over */
	pid_t told[LAUNCH_TOLD_MAX]; /* who was left to us and has had the stop signal, once */
	size_t n_told;
	unsigned int starts;
	int status; /* of waitpid(2), the last command's; only with .ended */
	int ended;
	int64_t since_ns; /* when the state was reached */
	int exit_status; /* of ours, when the loop ends */
	struct bw_timer kill_timer;
	int listener;
	struct bw_loop_fd listen_watch;
	struct launch_client clients[LAUNCH_CLIENTS_MAX];
};

/*
 * run.c: process 1. launch_run() returns the exit status of the process. @dir, @o and @argv are
 * borrowed.
 */
int launch_run(const struct launch_options *o, const char *dir, char *const *argv);

/* What a request asks for. The answer, if it comes at once, is appended. 1 answered; 0 later. */
int launch_stop(struct launch *l, unsigned int grace_s, int signo, struct bw_err *err);
int launch_start(struct launch *l, struct bw_err *err);
/* A signal to the command alone, which runs or does not: the answer says which. */
int launch_signal(struct launch *l, int signo);
void launch_describe(const struct launch *l, struct bw_buf *b);

/* serve.c: the socket. 0; -errno. launch_serve_tell() answers those who wait. */
int launch_serve(struct launch *l, struct bw_err *err);
void launch_serve_tell(struct launch *l);
void launch_serve_done(struct launch *l);

/*
 * Reads a request: "status", "start", "stop SECONDS SIGNAL", "signal SIGNAL". 0; -EINVAL, @err says
 * what is wrong.
 */
enum launch_verb {
	LAUNCH_VERB_STATUS,
	LAUNCH_VERB_START,
	LAUNCH_VERB_STOP,
	LAUNCH_VERB_SIGNAL,
	LAUNCH_VERB_MAX_,
};
struct launch_request {
	enum launch_verb verb;
	unsigned int seconds;
	int signo; /* 0 = the container's own */
};
int launch_request_parse(const char *line, struct launch_request *ret, struct bw_err *err);

/* client.c: asks process 1; the answer is one line without its end. 0; -errno. */
int launch_ask(const char *dir, const char *request, unsigned int wait_s, struct bw_buf *ret,
	       struct bw_err *err);

/* proc.c: processes. */

/* Starts @argv with no signal blocked, in a group of its own. 0; -errno. */
int launch_spawn(char *const *argv, pid_t *ret, struct bw_err *err);
/* Becomes @argv; returns only on failure, the exit status to end with. */
int launch_become(char *const *argv, struct bw_err *err);
/* Our children, at most @max of them. Returns how many. */
size_t launch_children(pid_t *ret, size_t max);
/* The parent in a line of /proc/PID/stat; -1 = it is none. */
pid_t launch_stat_parent(const char *line);
/* What a shell would make of a status of waitpid(2). */
int launch_exit_status(int status);
/* A signal's number by name, with or without SIG, or by number; 0 = none. */
int launch_signal_number(const char *name);

/* probe.c: returns the exit status of the process. */
int launch_probe(const struct launch_options *o, const char *dir, char *const *args);

/*
 * Where an http or tcp probe goes. Text is "HOST:PORT" or a URL; numeric hosts alone. No host at
 * all is the variable POD_IP, else 127.0.0.1.
 */
struct launch_target {
	char host[64];
	uint16_t port;
	char path[1024]; /* "/..." of a URL */
};
int launch_target_parse(const char *text, int is_url, struct launch_target *ret,
			struct bw_err *err);
/* Status of "HTTP/1.1 200 OK"; -1 = it is no such line. */
int launch_http_status(const char *line, size_t size);

/*
 * reload.c: a hash of the files of a folder, whatever their order: that of barewire-controller for
 * the files of a Unit (controller/unit/config.c). 0; -errno.
 */
int launch_folder_hash(const char *folder, uint64_t *ret, struct bw_err *err);

/*
 * Whether the files of a folder are those that @want means: their hash in hexadecimal, or the mark
 * that begins with LAUNCH_MARKED and is the text of the file LAUNCH_MARK among them
 * (controller/unit/config.c). 0; -errno.
 */
#define LAUNCH_MARK ".barewire"
#define LAUNCH_MARKED "secret-"
int launch_folder_is(const char *folder, const char *want, int *ret, struct bw_err *err);

/*
 * pod.c: notes whose folder it is, and whether it is that pod's: 1, also when nobody has noted it;
 * 0; -errno.
 */
int launch_pod_note(const char *folder, const char *uid, struct bw_err *err);
int launch_pod_is(const char *folder, const char *uid, struct bw_err *err);

/*
 * install.c: copies this program to @path, or into the folder @path, and notes there the UID in
 * LAUNCH_POD_ENV, if there is one. 0; -errno.
 */
int launch_install(const char *path, struct bw_err *err);
