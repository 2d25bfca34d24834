/* SPDX-License-Identifier: Apache-2.0 */
/*
 * barewire import FILE: what another IPAM has, as NetworkPools, NetworkReservations,
 * NetworkClaims and Units to look at and apply. Nothing is written to the cluster. Input is JSON: a
 * CNI configuration, or kubectl get -o json. Notes for people go to stderr.
 */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/buf.h>
#include <bw/err.h>
#include <bw/io.h>
#include <bw/kube_text.h>

#include "kube_cli.h"
#include "kube_import.h"

#define CHUNK 65536
#define INPUT_MAX (64U << 20) /* bytes */
#define CONF_NAME "imported" /* of a configuration that has none */

static void import_done(struct cli_import *im)
{
	bw_json_build_done(&im->build);
	free(im->known);
}

static void document(struct cli_import *im, const struct cJSON *doc)
{
	const struct cJSON *item;

	/* What is neither is passed over; that nothing was found is told, ignoring. */
	if (!bw_json_get(doc, "items")) {
		if (bw_json_get(doc, "kind"))
			(void)cli_import_object(im, doc);
		else
			(void)cli_import_cni(im, doc, CONF_NAME);
		return;
	}
	cJSON_ArrayForEach (item, bw_json_get(doc, "items")) {
		(void)cli_import_object(im, item);
	}
}

static int one_item(const char *text, size_t size, void *arg)
{
	bw_autojson struct cJSON *doc = NULL;
	struct bw_err err = { 0 };

	if (bw_json_parse(text, size, &doc, &err) < 0)
		cli_import_note("an object is left out", err.msg);
	else
		/* as above, ignoring */
		(void)cli_import_object(arg, doc);
	return 0;
}

static int whole(struct cli_import *im, const struct bw_buf *text, struct bw_err *err)
{
	bw_autojson struct cJSON *doc = NULL;
	int r = bw_json_parse(text->data ? text->data : "", text->size, &doc, err);

	if (r == 0)
		document(im, doc);
	return r;
}

/* A list that is longer than one document may be: object by object. */
static int long_list(struct cli_import *im, const struct bw_buf *text, struct bw_err *err)
{
	struct bw_kube_cut cut;
	int r;

	bw_kube_cut_init(&cut, BW_KUBE_CUT_ITEMS, one_item, im);
	r = bw_kube_cut_feed(&cut, text->data, text->size, err);
	if (r == 0)
		r = bw_kube_cut_end(&cut, err);
	bw_kube_cut_done(&cut);
	return r;
}

static int read_stdin(struct bw_buf *ret, struct bw_err *err)
{
	bw_autofree char *chunk = malloc(CHUNK);
	size_t n;

	if (!chunk)
		return bw_fail(err, ENOMEM, "read standard input");
	while ((n = fread(chunk, 1, CHUNK, stdin)) > 0) {
		if (ret->size + n > INPUT_MAX)
			return bw_reject(err, BW_ERR_INVALID, E2BIG,
					 "standard input: more than %u bytes; import kind by kind",
					 INPUT_MAX);
		if (bw_buf_append(ret, chunk, n) < 0)
			return bw_fail(err, ENOMEM, "read standard input");
	}
	return ferror(stdin) ? bw_fail(err, EIO, "read standard input") : 0;
}

int cli_kube_import(struct cli_session *s)
{
	BW_CLEANUP(import_done) struct cli_import im = { .args = s->args };
	struct cli_kube_args args = *s->args;
	bw_autobuf struct bw_buf text = { 0 };
	const char *file = s->args->words[0];
	struct bw_err err = { 0 };
	int r = strcmp(file, "-") == 0 ? read_stdin(&text, &err)
				       : bw_io_read_file(file, INPUT_MAX, &text, &err);

	im.items = cli_out_list(&im.build);
	if (r == 0)
		r = text.size > BW_JSON_TEXT_MAX ? long_list(&im, &text, &err)
						 : whole(&im, &text, &err);
	if (r == 0)
		cli_import_units_end(&im);
	if (r < 0) {
		(void)bw_wrap(&err, r, "import %s", file); /* printed, ignoring */
		return cli_fail(&err);
	}
	if (im.failed) {
		(void)bw_fail(&err, ENOMEM, "import %s", file); /* as above, ignoring */
		return cli_fail(&err);
	}
	if (!im.n) {
		/* Nothing is left to do when stderr is gone, ignoring. */
		(void)fprintf(stderr,
			      "barewire: %s: no pool of host-local, Calico, Whereabouts, "
			      "Spiderpool or DBScale in it\n",
			      file);
		return CLI_FOUND;
	}
	/* People look at it first. */
	if (args.format == CLI_TEXT)
		args.format = CLI_YAML;
	return cli_out_build(&args, &im.build);
}
