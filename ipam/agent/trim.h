/* SPDX-License-Identifier: Apache-2.0 */
/* Giving back the memory that only the start needed. */
#pragma once

/**
 * agent_trim() - drop clean pages of programs and libraries, and what the heap does not use
 *
 * Libraries run most of their code once: TLS, YAML and database set-up. Their text pages are never
 * written, so the kernel reads those that are used again from its cache. Failure changes nothing.
 * Source: madvise(2), MADV_DONTNEED on a private file mapping that was not written.
 */
void agent_trim(void);
