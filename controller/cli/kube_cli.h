/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubectl-barewire, also reached as `barewire pool`, `barewire who` and so on: the cluster's part
 * of the command line. A session is a connection to the API server; commands are a table.
 */
#pragma once

#include <stdio.h>

#include <bw/buf.h>
#include <bw/defs.h>
#include <bw/kube_client.h>

#include "cli.h"

struct bw_err;
struct bw_json_build;
struct bw_loop;
struct cJSON;

enum cli_format {
	CLI_TEXT,
	CLI_WIDE, /* text with more columns */
	CLI_JSON,
	CLI_YAML,
	CLI_NAME, /* kind/name, for scripts */
	CLI_SVG,
	CLI_FORMAT_MAX_,
};
#define CLI_FORMATS_TREE (1U << CLI_JSON | 1U << CLI_YAML)
#define CLI_FORMATS_LIST (CLI_FORMATS_TREE | 1U << CLI_WIDE | 1U << CLI_NAME)

/* Options that are not every command's. */
#define CLI_OPT_NAMESPACE (1U << 0)
#define CLI_OPT_ALL (1U << 1)
#define CLI_OPT_OUTPUT (1U << 2)
#define CLI_OPT_RELEASE (1U << 3)
#define CLI_OPT_DIR (1U << 4)
#define CLI_OPT_DRY_RUN (1U << 5)
#define CLI_OPT_YES (1U << 6)
#define CLI_OPT_CHECK (1U << 7)
#define CLI_OPT_DOMAIN (1U << 8)
#define CLI_OPT_CONNECT (1U << 9)
#define CLI_OPT_SELECT (1U << 10)
#define CLI_OPT_WAIT (1U << 11)
#define CLI_OPT_ACTION (1U << 12)
#define CLI_OPT_MOVE (1U << 13)
#define CLI_OPT_REBUILD (1U << 14)
#define CLI_OPT_LOGS (1U << 15)
#define CLI_OPT_CONTAINER (1U << 16)
#define CLI_OPT_RESIZE (1U << 17)
#define CLI_OPT_N 18

/* What was asked for. Texts are argv's. */
struct cli_kube_args {
	const char *kubeconfig;
	const char *context;
	const char *namespace; /* -n; NULL = the context's */
	const char *token; /* --token */
	const char *reason; /* --reason */
	const char *dir; /* --dir: a node's journal */
	const char *domain; /* --domain */
	const char *output; /* -o as it was given */
	const char *selector; /* -l */
	const char *timeout; /* --timeout */
	const char *node; /* --to */
	const char *id; /* --id: of an action */
	const char *tail; /* --tail */
	const char *container; /* -c */
	const char *cpu; /* --cpu, and so on */
	const char *memory;
	const char *requests;
	const char *limits;
	enum cli_format format;
	uint8_t all; /* -A */
	uint8_t confirm; /* --confirm-powered-off */
	uint8_t although_ready; /* --although-ready */
	uint8_t dry_run;
	uint8_t yes;
	uint8_t check; /* uninstall --check */
	uint8_t wait;
	uint8_t cancel;
	uint8_t force;
	uint8_t in_place;
	uint8_t follow;
	uint8_t previous;
	uint8_t help;
	unsigned int given; /* CLI_OPT_* */
	const char *said[CLI_OPT_N]; /* by bit of .given: the option that was it */
	char **words; /* ended by NULL */
	int n_words;
	int n_after; /* words behind "--" */
	const char *group; /* "unit" was said without a command of it; NULL = not so */
};

struct cli_session {
	struct bw_loop *loop;
	struct bw_kube_client *client;
	const struct cli_kube_args *args;
	char namespace[64]; /* that commands without -A mean */
	char user[128]; /* for records: the context's name */
};

struct cli_command {
	const char *name; /* one word, or two: "unit list" */
	const char *usage; /* its arguments, "" = none */
	const char *about; /* one line */
	const char *more; /* for --help: what it does, what its exit code says, examples */
	int min_words;
	int max_words;
	int (*run)(struct cli_session *s); /* returns an exit code */
	unsigned int options; /* CLI_OPT_* that it takes */
	unsigned int formats; /* 1 << CLI_*, besides CLI_TEXT */
};

extern const struct cli_command cli_kube_commands[];
extern const size_t cli_kube_n_commands;

/* kube_args.c */

/* Parses what stands behind the program's name. 0; CLI_USAGE after a message. */
int cli_args_parse(int argc, char **argv, struct cli_kube_args *ret);
/* Takes the command's words off. NULL after a message. */
const struct cli_command *cli_args_command(struct cli_kube_args *args);
/* Whether the options and arguments are the command's. 0; CLI_USAGE after a message. */
int cli_args_fit(struct cli_kube_args *args, const struct cli_command *c);
void cli_help_all(FILE *to);
void cli_help_command(const struct cli_command *c);
/* The commands whose names begin with @group. */
void cli_help_group(const char *group);
/* "barewire: WHAT: WHICH" and where help is. Returns CLI_USAGE. */
int cli_usage(const char *what, const char *which);

/* kube_out.c */

static inline int cli_wants_tree(const struct cli_kube_args *args)
{
	return args->format == CLI_JSON || args->format == CLI_YAML;
}
/* Prints a tree in the format that was asked for. Returns an exit code. */
int cli_out_tree(const struct cli_kube_args *args, const struct cJSON *tree);
/* The same of what was built, which it frees. */
int cli_out_build(const struct cli_kube_args *args, struct bw_json_build *b);
/* An object as the server has it, without what nobody reads. Returns an exit code. */
int cli_out_object(const struct cli_kube_args *args, const char *text, size_t size);
/* Appends it to a List that is being built. 0; -errno. */
int cli_out_append(struct bw_json_build *b, struct cJSON *list, const char *text, size_t size,
		   struct bw_err *err);
/* {"apiVersion": "v1", "kind": "List", "items": [...]}; the array. */
struct cJSON *cli_out_list(struct bw_json_build *b);
/* "kind.group/name" for -o name. */
void cli_out_name(const struct bw_kube_kind *kind, const char *name);
/* How long ago, as kubectl says it: 5s, 3m20s, 4h, 12d; "-" without a time. Returns @out. */
const char *cli_out_age(const char *since, int64_t now_s, char out[24]);
/* RFC 3339 in UTC to seconds since the epoch; a fraction is passed over. 0; -EINVAL; NULL-safe. */
int cli_time_parse(const char *text, int64_t *ret_s);

/* kube_session.c */

/* Connects to what kubectl would. 0; -errno. */
int cli_session_open(const struct cli_kube_args *args, struct cli_session *ret, struct bw_err *err);
void cli_session_close(struct cli_session *s);

/* One object as text, borrowed for the call. Return 0 to go on; -errno ends the walk. */
typedef int (*cli_object_fn)(const char *text, size_t size, void *arg, struct bw_err *err);

/**
 * cli_session_list() - walk all objects of a kind
 * @kind: what to list
 * @namespace: NULL = all
 * @fn: called for each
 *
 * Return: 0; what @fn returned; -EACCES the caller may not; -errno of the server's answer.
 */
int cli_session_list(struct cli_session *s, const struct bw_kube_kind *kind, const char *namespace,
		     cli_object_fn fn, void *arg, struct bw_err *err);

/* The same of what selectors leave; NULL = all. */
struct cli_selectors {
	const char *labels;
	const char *fields;
};
int cli_session_select(struct cli_session *s, const struct bw_kube_kind *kind,
		       const char *namespace, const struct cli_selectors *which, cli_object_fn fn,
		       void *arg, struct bw_err *err);

/* Reads one object. Return: 1 @ret has its text, 0 there is none; -errno. */
int cli_session_get(struct cli_session *s, const struct bw_kube_kind *kind, const char *namespace,
		    const char *name, struct bw_buf *ret, struct bw_err *err);

/* Merges @body into an object. Return: 0; -errno. */
int cli_session_merge(struct cli_session *s, const struct bw_kube_kind *kind, const char *namespace,
		      const char *name, const char *body, struct bw_err *err);

/* Deletes the object of that UID. Return: 1; 0 it was gone, or is another; -errno. */
int cli_session_delete(struct cli_session *s, const struct bw_kube_kind *kind,
		       const char *namespace, const char *name, const char *uid,
		       struct bw_err *err);

/* kube_list.c */

/* How the objects of a kind are printed, a line each. */
struct cli_lines {
	const struct bw_kube_kind *kind;
	void (*head)(const struct cli_kube_args *args);
	/* The line of one object, or its name where only names are wanted. 0; -errno. */
	int (*row)(struct cli_session *s, const char *text, size_t size, struct bw_err *err);
};

/**
 * cli_object_get() - read the object that a person names
 * @kind: a namespaced one
 * @word: NAME or NAMESPACE/NAME
 * @list: the command that lists them, for the message
 * @ret_ns: its namespace
 * @ret: its text
 *
 * Return: CLI_OK; after a message CLI_FOUND there is none, CLI_USAGE, CLI_FAILED.
 */
int cli_object_get(struct cli_session *s, const struct bw_kube_kind *kind, const char *word,
		   const char *list, char ret_ns[64], struct bw_buf *ret);

/**
 * cli_list_lines() - print all objects of a kind in the form that was asked for
 * @lines: how
 * @namespace: NULL = all
 * @ret_none: 1 = lines were wanted and there is no object
 *
 * Return: CLI_OK; CLI_FAILED after a message.
 */
int cli_list_lines(struct cli_session *s, const struct cli_lines *lines, const char *namespace,
		   int *ret_none);

/* kube_ask.c */

/* Asks "do it?" unless --yes was given; @command and @hint are for who is no terminal. 1; 0. */
int cli_ask(const struct cli_kube_args *args, const char *command, const char *hint);

/* The commands. Each returns an exit code. */
int cli_kube_pool(struct cli_session *s);
int cli_kube_map(struct cli_session *s);
int cli_kube_simulate(struct cli_session *s);
int cli_kube_claim(struct cli_session *s);
int cli_kube_who(struct cli_session *s);
int cli_kube_check(struct cli_session *s);
int cli_kube_repair(struct cli_session *s);
int cli_kube_release(struct cli_session *s);
int cli_kube_import(struct cli_session *s);
int cli_kube_uninstall(struct cli_session *s);
int cli_unit_list(struct cli_session *s);
int cli_unit_describe(struct cli_session *s);
int cli_unit_logs(struct cli_session *s);
int cli_unit_connect(struct cli_session *s);
int cli_unit_stop(struct cli_session *s);
int cli_unit_start(struct cli_session *s);
int cli_unit_restart(struct cli_session *s);
int cli_unit_migrate(struct cli_session *s);
int cli_unit_rebuild(struct cli_session *s);
int cli_unit_resize(struct cli_session *s);
