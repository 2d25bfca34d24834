/* SPDX-License-Identifier: Apache-2.0 */
/* The mutants that the checker must find. */
#pragma once

struct sim_mutant {
	const char *name; /* NULL ends the table */
	const char *what;
	const char *scenario; /* part of the name of the one that shows it; NULL = seeds do */
	const char *rule; /* of Units, that it breaks; NULL = one of safety, I1 to I5 */
};
extern const struct sim_mutant sim_mutants[];
