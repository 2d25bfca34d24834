/* SPDX-License-Identifier: Apache-2.0 */
/* The frame of every CNI program: read the request, check it, call the verb, print the answer. */
#pragma once

#include <bw/cni_request.h>

struct bw_cni_result;
struct bw_err;

/* One verb: @result is only filled by ADD. 0 or -errno with @err filled. */
typedef int (*bw_cni_verb_fn)(const struct bw_cni_request *req, struct bw_cni_result *result,
			      struct bw_err *err);

struct bw_cni_plugin {
	const char *name; /* "barewire-bridge" */
	const char *about; /* one line for a person who runs it by hand */
	bw_cni_verb_fn verbs[BW_CNI_MAX_]; /* NULL = success without doing anything (VERSION) */
	const char *const
		*args_known; /* CNI_ARGS keys it knows beside IgnoreUnknown and K8S_*; NULL-ended */
};

/* CNI error code of a recorded error: the code table of the CNI programs. Returns 1 or more. */
int bw_cni_err_code(const struct bw_err *err);

/**
 * bw_cni_plugin_main() - run one verb as a runtime asks for it
 * @plugin: the program
 * @argc: of main(); --version and --help are answered
 * @argv: of main()
 *
 * Return: the exit code: 0, or 1 with exactly one error object on stdout.
 * Source: CNI specification 1.1.0, sections 2 and 3; reference statements 1 to 25.
 */
int bw_cni_plugin_main(const struct bw_cni_plugin *plugin, int argc, char **argv);
