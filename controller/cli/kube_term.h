/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal of this program: raw while something else on the far side has its lines. */
#pragma once

#include <termios.h>

#include <bw/defs.h>

struct bw_err;

/* Zeroed it is as it was. */
struct cli_term {
	struct termios was;
	uint8_t raw;
};

/* Whether standard input and output are one. */
int cli_term_is(void);

/* Keys go through as they are, signals' keys too. 0; -errno of tcsetattr(3). */
int cli_term_raw(struct cli_term *t, struct bw_err *err);
/* Harmless when it is not raw. */
void cli_term_restore(struct cli_term *t);

/* Its size in characters; 80 x 24 where it does not say. */
void cli_term_size(unsigned int *ret_width, unsigned int *ret_height);

#define CLI_TERM_KEYS_MAX 4096

/* Looks for Enter ~ . among the keys, which leaves a connection that hangs. Zeroed it begins. */
struct cli_term_keys {
	uint8_t in_line; /* the last key was no Enter */
	uint8_t tilde; /* one is held back */
};

/**
 * cli_term_filter() - take the way out of what was typed
 * @k: state between calls
 * @in: keys, @size of them, at most CLI_TERM_KEYS_MAX
 * @out: what is to be sent, of CLI_TERM_KEYS_MAX + 1 bytes
 * @ret_size: bytes of it
 *
 * Return: 1 it is to be left, 0 not.
 */
int cli_term_filter(struct cli_term_keys *k, const char *in, size_t size, char *out,
		    size_t *ret_size);
