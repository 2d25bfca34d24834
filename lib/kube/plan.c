/* SPDX-License-Identifier: Apache-2.0 */
/* Plans: steps in an arena of their own, printed as text for tests and dry runs. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bw/buf.h>
#include <bw/err.h>

#include "plan.h"
#include "quote.h"

struct bw_plan_block {
	struct bw_plan_block *next;
	max_align_t data[];
};

static const char *const event_types[] = {
	[BW_EVENT_NORMAL] = "Normal",
	[BW_EVENT_WARNING] = "Warning",
};

const char *bw_event_type_str(enum bw_event_type type)
{
	return (unsigned int)type < BW_ARRAY_SIZE(event_types) ? event_types[type] : "unknown";
}

int bw_plan_new(struct bw_plan **ret, struct bw_err *err)
{
	struct bw_plan *p = calloc(1, sizeof(*p));

	if (!p)
		return bw_fail(err, ENOMEM, "make a plan");
	p->end = &p->first;
	p->requeue_ms = -1;
	*ret = p;
	return 0;
}

void bw_plan_free(struct bw_plan **plan)
{
	struct bw_plan *p = *plan;

	if (!p)
		return;
	while (p->blocks) {
		struct bw_plan_block *b = p->blocks;

		p->blocks = b->next;
		free(b);
	}
	free(p);
	*plan = NULL;
}

void *bw_plan_alloc(struct bw_plan *p, size_t size)
{
	struct bw_plan_block *b = NULL;

	if (size < SIZE_MAX - sizeof(*b))
		b = calloc(1, sizeof(*b) + size);
	if (!b) {
		p->failed = -ENOMEM;
		return NULL;
	}
	b->next = p->blocks;
	p->blocks = b;
	return b->data;
}

/* A copy that the plan owns; NULL stays NULL. */
static const char *keep(struct bw_plan *p, const char *s)
{
	size_t size = s ? strlen(s) + 1 : 0;
	char *copy = s ? bw_plan_alloc(p, size) : NULL;

	if (copy)
		memcpy(copy, s, size);
	return copy;
}

static struct bw_plan_step *append(struct bw_plan *p)
{
	struct bw_plan_step *s = NULL;

	if (p->steps == BW_PLAN_STEPS_MAX)
		p->failed = -E2BIG;
	else
		s = bw_plan_alloc(p, sizeof(*s));
	if (!s)
		return NULL;
	*p->end = s;
	p->end = &s->next;
	p->steps++;
	return s;
}

void bw_plan_write(struct bw_plan *p, const struct bw_kube_request *r, bw_plan_done_fn done,
		   void *arg)
{
	struct bw_plan_step *s = append(p);
	char *body;

	if (!s)
		return;
	p->writes++;
	s->done = done;
	s->arg = arg;
	s->request = *r;
	s->request.namespace = keep(p, r->namespace);
	s->request.name = keep(p, r->name);
	s->request.subresource = keep(p, r->subresource);
	s->request.path = keep(p, r->path);
	s->request.manager = keep(p, r->manager);
	s->request.field_selector = keep(p, r->field_selector);
	s->request.label_selector = keep(p, r->label_selector);
	s->request.resource_version = keep(p, r->resource_version);
	s->request.match = keep(p, r->match);
	s->request.cont = keep(p, r->cont);
	s->request.uid = keep(p, r->uid);
	s->request.propagation = keep(p, r->propagation);
	s->request.body = NULL;
	if (!r->body)
		return;
	body = bw_plan_alloc(p, r->body_size + 1);
	if (body)
		memcpy(body, r->body, r->body_size);
	s->request.body = body;
}

static const char *const *keep_argv(struct bw_plan *p, const char *const *argv)
{
	const char **copy;
	size_t n = 0;

	while (argv[n])
		n++;
	copy = bw_plan_alloc(p, (n + 1) * sizeof(*copy));
	for (size_t i = 0; copy && i < n; i++)
		copy[i] = keep(p, argv[i]);
	return copy;
}

void bw_plan_exec(struct bw_plan *p, const struct bw_kube_podexec_request *r, bw_plan_exec_fn done,
		  void *arg)
{
	struct bw_plan_step *s = append(p);

	assert(!r->input && !r->flags);
	if (!s)
		return;
	p->execs++;
	s->is_exec = 1;
	s->exec_done = done;
	s->arg = arg;
	s->exec = *r;
	s->exec.namespace = keep(p, r->namespace);
	s->exec.pod = keep(p, r->pod);
	s->exec.container = keep(p, r->container);
	s->exec.argv = keep_argv(p, r->argv);
}

void bw_plan_event(struct bw_plan *p, const struct bw_kube_object *o, enum bw_event_type type,
		   const char *reason, const char *fmt, ...)
{
	struct bw_plan_step *s = append(p);
	char note[BW_PLAN_NOTE_MAX];
	va_list ap;

	if (!s)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(note, sizeof(note), fmt, ap); /* a longer note is cut, ignoring */
	va_end(ap);
	s->is_event = 1;
	s->type = type;
	s->reason = keep(p, reason);
	s->note = keep(p, note);
	if (!o)
		return;
	s->about.kind = o->kind;
	s->about.namespace = keep(p, o->namespace);
	s->about.name = keep(p, o->name);
	s->about.uid = keep(p, o->uid);
	s->about.rv = keep(p, o->rv);
}

void bw_plan_requeue_after(struct bw_plan *p, int64_t ms)
{
	if (ms < 0)
		ms = 0;
	if (p->requeue_ms < 0 || ms < p->requeue_ms)
		p->requeue_ms = ms;
}

static int print_text(struct bw_buf *out, const char *key, const char *value)
{
	int r;

	if (!value || !*value)
		return 0;
	r = bw_buf_printf(out, ",\"%s\":", key);
	return r < 0 ? r : bw_kube_quote(out, value);
}

static int print_write(struct bw_buf *out, const struct bw_kube_request *q)
{
	const struct {
		const char *key;
		const char *value;
	} texts[] = {
		{ "kind", q->kind ? q->kind->kind : NULL },
		{ "namespace", q->namespace },
		{ "name", q->name },
		{ "subresource", q->subresource },
		{ "path", q->path },
		{ "uid", q->uid },
		{ "resourceVersion", q->resource_version },
		{ "propagation", q->propagation },
	};
	int r = bw_buf_printf(out, "{\"verb\":\"%s\"", bw_kube_verb_str(q->verb));

	for (size_t i = 0; r == 0 && i < BW_ARRAY_SIZE(texts); i++)
		r = print_text(out, texts[i].key, texts[i].value);
	if (r == 0 && q->body)
		r = bw_buf_printf(out, ",\"body\":%s", q->body);
	return r < 0 ? r : bw_buf_append(out, "}\n", 2);
}

static int print_event(struct bw_buf *out, const struct bw_plan_step *s)
{
	int r = bw_buf_printf(out, "{\"event\":\"%s\"", bw_event_type_str(s->type));

	if (r == 0 && s->about.kind)
		r = print_text(out, "kind", s->about.kind->kind);
	if (r == 0)
		r = print_text(out, "namespace", s->about.namespace);
	if (r == 0)
		r = print_text(out, "name", s->about.name);
	if (r == 0)
		r = print_text(out, "reason", s->reason);
	if (r == 0)
		r = print_text(out, "note", s->note);
	return r < 0 ? r : bw_buf_append(out, "}\n", 2);
}

static int print_exec(struct bw_buf *out, const struct bw_kube_podexec_request *r)
{
	int e = bw_buf_printf(out, "{\"verb\":\"exec\"");

	if (e == 0)
		e = print_text(out, "namespace", r->namespace);
	if (e == 0)
		e = print_text(out, "name", r->pod);
	if (e == 0)
		e = print_text(out, "container", r->container);
	for (size_t i = 0; e == 0 && r->argv[i]; i++) {
		e = bw_buf_printf(out, i ? "," : ",\"argv\":[");
		if (e == 0)
			e = bw_kube_quote(out, r->argv[i]);
	}
	return e < 0 ? e : bw_buf_append(out, "]}\n", 3);
}

static int print_step(struct bw_buf *out, const struct bw_plan_step *s)
{
	if (s->is_event)
		return print_event(out, s);
	return s->is_exec ? print_exec(out, &s->exec) : print_write(out, &s->request);
}

int bw_plan_print(const struct bw_plan *p, char **ret, struct bw_err *err)
{
	bw_autobuf struct bw_buf out = { 0 };
	int r = p->failed;
	char *text;

	for (const struct bw_plan_step *s = p->first; r == 0 && s; s = s->next)
		r = print_step(&out, s);
	if (r == 0 && p->requeue_ms >= 0)
		r = bw_buf_printf(&out, "{\"requeueAfterMs\":%lld}\n", (long long)p->requeue_ms);
	if (r < 0)
		return bw_fail(err, -r, "print a plan");
	text = bw_buf_take(&out);
	if (!text)
		return bw_fail(err, ENOMEM, "print a plan");
	*ret = text;
	return 0;
}
