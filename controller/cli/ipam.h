/* SPDX-License-Identifier: Apache-2.0 */
/* barewire ipam: what its files share. */
#pragma once

struct cli_args;

/* The journal's folder. */
const char *cli_ipam_dir(const struct cli_args *args);

int cli_ipam_check(const struct cli_args *args);
int cli_ipam_repair(const struct cli_args *args);
