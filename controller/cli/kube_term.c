/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal: raw and back, its size, and the keys that leave. */
#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <bw/err.h>

#include "kube_term.h"

#define WIDTH 80
#define HEIGHT 24

int cli_term_is(void)
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

int cli_term_raw(struct cli_term *t, struct bw_err *err)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &t->was) < 0)
		return bw_fail(err, errno, "read the terminal's settings");
	raw = t->was;
	cfmakeraw(&raw);
	/* What was typed ahead is kept. */
	if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) < 0)
		return bw_fail(err, errno, "make the terminal raw");
	t->raw = 1;
	return 0;
}

void cli_term_restore(struct cli_term *t)
{
	if (t->raw)
		/* A terminal that is gone needs no settings, ignoring. */
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &t->was);
	t->raw = 0;
}

void cli_term_size(unsigned int *ret_width, unsigned int *ret_height)
{
	struct winsize w = { 0 };

	(void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &w); /* stays 0, ignoring */
	*ret_width = w.ws_col ? w.ws_col : WIDTH;
	*ret_height = w.ws_row ? w.ws_row : HEIGHT;
}

int cli_term_filter(struct cli_term_keys *k, const char *in, size_t size, char *out,
		    size_t *ret_size)
{
	size_t n = 0;

	*ret_size = 0;
	for (size_t i = 0; i < size; i++) {
		if (k->tilde && in[i] == '.')
			return 1;
		if (k->tilde)
			out[n++] = '~';
		/* A second one is sent once, as ssh has it. */
		if (!k->tilde && !k->in_line && in[i] == '~') {
			k->tilde = 1;
			continue;
		}
		if (!(k->tilde && in[i] == '~'))
			out[n++] = in[i];
		k->tilde = 0;
		k->in_line = in[i] != '\r' && in[i] != '\n';
	}
	*ret_size = n;
	return 0;
}
