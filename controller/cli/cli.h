/* SPDX-License-Identifier: Apache-2.0 */
/* barewire TOPIC VERB [OPTIONS] [ARGUMENTS]: what all topics share. */
#pragma once

#include <bw/defs.h>

struct bw_err;
struct bw_json_build;

/* Exit codes. */
#define CLI_OK 0
#define CLI_FOUND 1 /* it worked, and the answer is no, or not sound */
#define CLI_FAILED 2
#define CLI_USAGE 64 /* sysexits(3), EX_USAGE */

/* What was asked for. Texts are argv's. */
struct cli_args {
	int json; /* -o json */
	int wide; /* -o wide: text with more columns */
	const char *dir; /* --dir, NULL = by default */
	const char *domain; /* --domain, NULL = all */
	char **words; /* what is left */
	int n_words;
};

struct cli_verb {
	const char *name;
	const char *usage; /* its arguments, "" = none */
	const char *about; /* one line */
	const char *more; /* a paragraph or more for --help */
	int min_words;
	int max_words;
	int (*run)(const struct cli_args *args); /* returns an exit code */
};

struct cli_topic {
	const char *name;
	const char *about;
	const struct cli_verb *verbs;
	size_t n_verbs;
};

extern const struct cli_topic cli_topic_ipam;
extern const struct cli_topic cli_topic_net;
extern const struct cli_topic cli_topic_sriov;

/* Prints "barewire: MESSAGE", the details and returns CLI_FAILED. */
int cli_fail(const struct bw_err *err);

/* Prints what was built and a newline; frees it. CLI_OK or CLI_FAILED. */
int cli_print_json(struct bw_json_build *b);
