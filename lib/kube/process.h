/* SPDX-License-Identifier: Apache-2.0 */
/* What this process costs, under the names of Prometheus' process collector. */
#pragma once

struct bw_buf;

/* Appends process_*, read from /proc at this moment. What cannot be read is left out. 0; -ENOMEM.
 */
int bw_process_text(struct bw_buf *out);
