/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the modelled containers share. */
#pragma once

#include "box.h"

/* What is due by now: a process that was stopped is gone, one that may run does. */
void sim_box_settle(struct sim_box *b, int64_t now);
