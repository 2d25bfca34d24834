/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs of barewire net that have a file of their own. */
#pragma once

struct cli_args;

/* net show [DEVICE|ADDRESS|CONTAINER]: returns an exit code. */
int net_show(const struct cli_args *args);
