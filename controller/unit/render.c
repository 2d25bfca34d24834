/* SPDX-License-Identifier: Apache-2.0 */
/* Templates into files: only those Secrets are read that a template names. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/kube_base64.h>

#include "render.h"

#define SECRET "secret."
#define SECRETS_MAX 16 /* that the templates of one Unit name */
#define FILES_SIZE_MAX (512U << 10) /* bytes of all: an object has at most 1 MiB */

struct rendering {
	struct unit_run *k;
	struct bw_tmpl_names *names;
	struct bw_err *err;
	struct bw_tmpl *all[UNIT_FILES_MAX];
	size_t n;
	char asked[SECRETS_MAX][BW_KUBE_NAME_MAX + 1]; /* Secrets */
	size_t n_asked;
	int waits; /* for one to be read */
};

static void rendering_done(struct rendering *g)
{
	for (size_t i = 0; i < g->n; i++)
		bw_tmpl_free(&g->all[i]);
	bw_tmpl_names_free(&g->names);
}

void unit_files_done(struct unit_files *f)
{
	for (size_t i = 0; i < f->n; i++)
		bw_tmpl_out_done(&f->v[i]);
	f->n = 0;
}

const char *unit_file_text(const struct unit_files *f, size_t i)
{
	return f->v[i].text.data ? f->v[i].text.data : "";
}

static const char *file_of(const struct rendering *g, size_t i)
{
	return g->k->unit->spec.config.templates.items[i].name;
}

/* Whatever is wrong with a file but memory is the template's fault. */
static int at_file(const struct rendering *g, size_t i, int r)
{
	char why[sizeof(g->err->msg)];

	if (r >= 0 || r == -ENOMEM)
		return r;
	(void)snprintf(why, sizeof(why), "%s", g->err->msg); /* fits, ignoring */
	g->err->msg[0] = '\0';
	return bw_reject(g->err, BW_ERR_INVALID, EINVAL, "%.253s: %s", file_of(g, i), why);
}

/* SECRETS */

/* "NAME.KEY": the name ends at the first dot, so that a key may have some. */
static int split(const char *name, char out[BW_KUBE_NAME_MAX + 1], const char **ret_key)
{
	const char *dot = strchr(name, '.');

	if (!dot || dot == name || !dot[1] || dot - name > BW_KUBE_NAME_MAX)
		return -EINVAL;
	(void)snprintf(out, BW_KUBE_NAME_MAX + 1, "%.*s", (int)(dot - name), name); /* fits */
	*ret_key = dot + 1;
	return 0;
}

static int put_value(struct rendering *g, const char *name, const char *encoded)
{
	struct bw_buf text = { 0 };
	int r = bw_buf_reserve(&text, strlen(encoded) + 4);

	if (r == 0)
		r = bw_kube_base64_decode(encoded, strlen(encoded), &text);
	if (r == 0 && text.size && memchr(text.data, '\0', text.size))
		r = bw_reject(g->err, BW_ERR_INVALID, EINVAL, "%.200s is no text", name);
	if (r == 0)
		r = bw_tmpl_put(g->names, name, text.data ? text.data : "", BW_TMPL_F_SECRET,
				g->err);
	if (text.data)
		explicit_bzero(text.data, text.cap);
	bw_buf_done(&text);
	/* Used twice. */
	return r == -EEXIST ? 0 : r;
}

static int refuse(const struct rendering *g, const char *secret, const char *why)
{
	return bw_reject(g->err, BW_ERR_INVALID, EINVAL, "Secret %.200s %s", secret, why);
}

static int count(struct rendering *g, const char *secret)
{
	for (size_t i = 0; i < g->n_asked; i++)
		if (strcmp(g->asked[i], secret) == 0)
			return 0;
	if (g->n_asked == SECRETS_MAX)
		return refuse(g, secret, "is one too many: templates name at most 16");
	(void)snprintf(g->asked[g->n_asked++], sizeof(g->asked[0]), "%s", secret); /* fits */
	return 0;
}

/* One name that a template uses. */
static int fetch(const char *name, void *arg)
{
	struct rendering *g = arg;
	const struct bw_k_secret *s = NULL;
	char secret[BW_KUBE_NAME_MAX + 1];
	const char *value;
	const char *key;
	int r;

	/* A name that is none of a Secret's is unknown, and said to be so. */
	if (strncmp(name, SECRET, strlen(SECRET)) != 0 ||
	    split(name + strlen(SECRET), secret, &key) < 0)
		return 0;
	r = count(g, secret);
	if (r < 0)
		return r;
	switch (unit_secret(g->k, secret, &s)) {
	case UNIT_READ_ASKED:
		g->waits = 1;
		return 0;
	case UNIT_READ_MISSING:
		return refuse(g, secret, "is not there");
	case UNIT_READ_FORBIDDEN:
		return refuse(g, secret,
			      "may not be read: ClusterRoleBinding barewire-controller-secrets");
	case UNIT_READ_THERE:
		break;
	}
	value = s ? bw_kube_pair_get(s->data.items, s->data.n, key) : NULL;
	return value ? put_value(g, name, value) : 0;
}

/* RENDERING */

static int parse(struct rendering *g)
{
	const struct bw_db_unit_config *c = &g->k->unit->spec.config;

	for (size_t i = 0; i < c->templates.n && i < UNIT_FILES_MAX; i++) {
		const char *text = c->templates.items[i].template;
		int r = bw_tmpl_parse(text, strlen(text), &g->all[i], g->err);

		if (r < 0)
			return at_file(g, i, r);
		g->n++;
	}
	return 0;
}

static int render(struct rendering *g, struct unit_files *ret)
{
	size_t size = 0;

	for (size_t i = 0; i < g->n; i++) {
		int r = bw_tmpl_render(g->all[i], g->names, &ret->v[i], g->err);

		if (r < 0)
			return at_file(g, i, r);
		ret->n = i + 1;
		ret->secret |= ret->v[i].secret;
		size += ret->v[i].text.size;
	}
	if (size > FILES_SIZE_MAX)
		return bw_reject(g->err, BW_ERR_INVALID, EINVAL,
				 "the files have more than %u KiB together", FILES_SIZE_MAX >> 10);
	return 0;
}

int unit_files_render(struct unit_run *k, struct unit_files *ret, struct bw_err *err)
{
	BW_CLEANUP(rendering_done) struct rendering g = { .k = k, .err = err };
	struct unit_files files = { 0 };
	int r = bw_tmpl_names_new(&g.names, err);

	if (r == 0)
		r = parse(&g);
	if (r == 0)
		r = unit_config_names(k, g.names, err);
	for (size_t i = 0; r == 0 && i < g.n; i++)
		r = at_file(&g, i, bw_tmpl_each_name(g.all[i], fetch, &g));
	if (r == 0 && g.waits)
		return -EAGAIN;
	if (r == 0)
		r = render(&g, &files);
	if (r < 0) {
		unit_files_done(&files);
		return r == -ENOMEM ? r : -EINVAL;
	}
	*ret = files;
	return 0;
}
