/* SPDX-License-Identifier: Apache-2.0 */
/* What every topic says in the same way. */
#include <stdio.h>

#include <bw/err.h>
#include <bw/json.h>

#include "cli.h"

int cli_fail(const struct bw_err *err)
{
	/* Nothing is left to do when stderr is gone, ignoring. */
	(void)fprintf(stderr, "barewire: %s\n", err->msg);
	if (err->details[0])
		(void)fprintf(stderr, "%s\n", err->details);
	return CLI_FAILED;
}

int cli_print_json(struct bw_json_build *b)
{
	bw_autojson struct cJSON *json = NULL;
	bw_autofree char *text = NULL;
	struct bw_err err = { 0 };

	if (bw_json_build_take(b, &json, &err) < 0 || bw_json_print(json, 1, &text, &err) < 0)
		return cli_fail(&err);
	return printf("%s\n", text) < 0 ? CLI_FAILED : CLI_OK;
}
