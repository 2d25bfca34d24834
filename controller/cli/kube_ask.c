/* SPDX-License-Identifier: Apache-2.0 */
/* A person says that what was told is meant. */
#include <stdio.h>
#include <unistd.h>

#include "kube_cli.h"

int cli_ask(const struct cli_kube_args *args, const char *command, const char *hint)
{
	char line[16] = "";

	if (args->yes)
		return 1;
	if (!isatty(STDIN_FILENO)) {
		/* Nothing is left to do when stderr is gone, ignoring. */
		(void)fprintf(stderr, "barewire %s: standard input is no terminal to ask: %s\n",
			      command, hint);
		return 0;
	}
	/* Nobody answers what cannot be printed, ignoring. */
	(void)printf("do it? [y/N] ");
	(void)fflush(stdout);
	return fgets(line, sizeof(line), stdin) && (line[0] == 'y' || line[0] == 'Y');
}
