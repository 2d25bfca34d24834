/* SPDX-License-Identifier: Apache-2.0 */
/* List and watch: requests as the machine asks for them, lines and items into the store. */
#include <string.h>

#include <bw/err.h>

#include "object.h"
#include "reflector.h"

#define STREAM_TYPE_MAX 16 /* characters of an event's type */
#define HTTP_GONE 410
#define HTTP_TOO_MANY 429
#define HTTP_TIMEOUT 504
#define MS_PER_S 1000

static void step(struct bw_kube_reflector *f);

static void note(struct bw_kube_reflector *f, const char *text)
{
	size_t len = strnlen(text, sizeof(f->message) - 1);

	memcpy(f->message, text, len);
	f->message[len] = '\0';
}

/* Our own trouble: .done will say that the call failed, and this is why. */
static int fault(struct bw_kube_reflector *f, int r, const char *text)
{
	f->faulty = 1;
	note(f, text);
	return r;
}

static int object_from(struct bw_kube_reflector *f, struct bw_kube_slice s,
		       struct bw_kube_object **ret)
{
	struct bw_err err = { 0 };
	int r = bw_kube_object_make(bw_kube_store_kind(f->store), s.p, s.size, f->keep, ret, &err);

	return r < 0 ? fault(f, r, err.msg) : 0;
}

static int commit(struct bw_kube_reflector *f, const char *rv)
{
	int64_t now = bw_loop_now_ns(f->loop);
	int r;

	bw_kube_store_comes(f->store, rv ? rv : f->watch.list_rv);
	r = bw_kube_store_replace(f->store, &f->shadow);
	if (r < 0)
		return fault(f, r, "no memory for what was listed");
	bw_kube_watch_synced(&f->watch, rv, now);
	bw_kube_store_saw(f->store, f->watch.rv, 1);
	bw_kube_store_set_synced(f->store);
	return 0;
}

static int collect(struct bw_kube_reflector *f, enum bw_kube_watch_event type,
		   struct bw_kube_object *o)
{
	if (type != BW_KUBE_EVENT_DELETED)
		return bw_kube_shadow_put(&f->shadow, o);
	bw_kube_shadow_remove(&f->shadow, o->namespace, o->name);
	return 0;
}

static int apply(struct bw_kube_reflector *f, enum bw_kube_watch_event type,
		 struct bw_kube_object *o)
{
	int r = 0;

	if (type == BW_KUBE_EVENT_DELETED)
		bw_kube_store_remove(f->store, o->namespace, o->name);
	else
		r = bw_kube_store_put(f->store, o);
	if (r < 0)
		return r;
	bw_kube_watch_saw(&f->watch, o->rv, bw_loop_now_ns(f->loop));
	bw_kube_store_saw(f->store, o->rv, 0);
	return 0;
}

static int on_object(struct bw_kube_reflector *f, enum bw_kube_watch_event type,
		     struct bw_kube_slice object)
{
	enum bw_kube_watch_do what = bw_kube_watch_event(&f->watch, type, bw_loop_now_ns(f->loop));
	struct bw_kube_object *o = NULL;
	int r;

	if (what != BW_KUBE_DO_COLLECT && what != BW_KUBE_DO_APPLY)
		return 0;
	r = object_from(f, object, &o);
	if (r < 0)
		return r;
	r = what == BW_KUBE_DO_COLLECT ? collect(f, type, o) : apply(f, type, o);
	bw_kube_object_unref(&o);
	return r < 0 ? fault(f, r, "no memory for an object") : 0;
}

static int on_bookmark(struct bw_kube_reflector *f, struct bw_kube_slice object)
{
	char rv[BW_KUBE_RV_MAX + 1];
	char last[8];
	enum bw_kube_watch_do what;

	if (bw_kube_text_copy(object.p, object.size, rv, sizeof(rv), "metadata",
			      "resourceVersion") < 0)
		return fault(f, -EBADMSG, "a bookmark without resourceVersion");
	(void)bw_kube_text_copy(object.p, object.size, last, sizeof(last), "metadata",
				"annotations", "k8s.io/initial-events-end"); /* or "", ignoring */
	what = bw_kube_watch_event(
		&f->watch, !strcmp(last, "true") ? BW_KUBE_EVENT_LAST : BW_KUBE_EVENT_BOOKMARK,
		bw_loop_now_ns(f->loop));
	if (what == BW_KUBE_DO_COMMIT)
		return commit(f, rv);
	if (what == BW_KUBE_DO_APPLY) {
		bw_kube_watch_saw(&f->watch, rv, bw_loop_now_ns(f->loop));
		bw_kube_store_saw(f->store, rv, 0);
	}
	return 0;
}

/* A Status in the stream: nothing good comes after it. */
static int on_error_line(struct bw_kube_reflector *f, struct bw_kube_slice object)
{
	struct bw_kube_slice v;
	int64_t code = 0;
	int64_t retry_s = 0;

	if (bw_kube_text_get(object, &v, "code", NULL) == 0)
		(void)bw_kube_text_int(v, &code); /* 0 is as good as 500, ignoring */
	if (bw_kube_text_get(object, &v, "details", "retryAfterSeconds", NULL) == 0)
		(void)bw_kube_text_int(v, &retry_s); /* none, ignoring */
	(void)bw_kube_text_copy(object.p, object.size, f->message, sizeof(f->message),
				"message"); /* "" or cut, ignoring */
	f->error_line = 1;
	f->line_retry_ms = retry_s > 0 && retry_s < MS_PER_S ? (unsigned int)retry_s * MS_PER_S : 0;
	f->line_result = BW_KUBE_OK;
	if (code == HTTP_GONE)
		f->line_result = BW_KUBE_GONE;
	else if (code == HTTP_TOO_MANY)
		f->line_result = BW_KUBE_THROTTLED;
	else if (code == HTTP_TIMEOUT)
		f->line_result = BW_KUBE_TOO_NEW;
	return -ECANCELED;
}

static int on_line(const char *text, size_t size, void *arg)
{
	static const struct {
		const char *name;
		enum bw_kube_watch_event type;
	} types[] = {
		{ "ADDED", BW_KUBE_EVENT_ADDED },
		{ "MODIFIED", BW_KUBE_EVENT_MODIFIED },
		{ "DELETED", BW_KUBE_EVENT_DELETED },
	};
	struct bw_kube_reflector *f = arg;
	struct bw_kube_slice all = { text, size };
	struct bw_kube_slice object;
	char type[STREAM_TYPE_MAX] = "";

	if (bw_kube_text_copy(text, size, type, sizeof(type), "type") < 0 ||
	    bw_kube_text_get(all, &object, "object", NULL) < 0)
		return fault(f, -EBADMSG, "a line of the watch is no event");
	for (size_t i = 0; i < BW_ARRAY_SIZE(types); i++)
		if (!strcmp(type, types[i].name))
			return on_object(f, types[i].type, object);
	if (!strcmp(type, "BOOKMARK"))
		return on_bookmark(f, object);
	if (!strcmp(type, "ERROR"))
		return on_error_line(f, object);
	return 0; /* a type of a later time */
}

static int on_item(const char *text, size_t size, void *arg)
{
	struct bw_kube_reflector *f = arg;
	struct bw_kube_object *o = NULL;
	int r;

	if (f->watch.state == BW_KUBE_WATCH_PROBING)
		return 0;
	r = object_from(f, (struct bw_kube_slice){ text, size }, &o);
	if (r < 0)
		return r;
	r = bw_kube_shadow_put(&f->shadow, o);
	bw_kube_object_unref(&o);
	return r < 0 ? fault(f, r, "no memory for an object") : 0;
}

static int on_data(const char *data, size_t size, void *arg)
{
	struct bw_kube_reflector *f = arg;
	struct bw_err err = { 0 };
	int r;

	if (bw_kube_watch_heard(&f->watch, bw_loop_now_ns(f->loop)) && f->found)
		f->found(f, f->arg);
	r = bw_kube_cut_feed(&f->cut, data, size, &err);
	if (r < 0 && !f->faulty && !f->error_line)
		(void)fault(f, r, err.msg); /* it returns what it is given, ignoring */
	if (f->progress)
		f->progress(f->arg);
	return r;
}

/* A page without an error: is it whole, and are there others? */
static void on_page(struct bw_kube_reflector *f)
{
	int64_t now = bw_loop_now_ns(f->loop);
	struct bw_kube_slice rest = bw_kube_cut_rest(&f->cut);
	struct bw_kube_slice v;
	char rv[BW_KUBE_RV_MAX + 1];
	bw_autofree char *cont = NULL;

	if (bw_kube_text_copy(rest.p, rest.size, rv, sizeof(rv), "metadata", "resourceVersion") <
	    0) {
		note(f, "a list without resourceVersion");
		bw_kube_watch_fault(&f->watch, now);
		return;
	}
	if (bw_kube_text_get(rest, &v, "metadata", "continue", NULL) == 0 &&
	    bw_kube_text_strdup(v, &cont) < 0) {
		bw_kube_watch_fault(&f->watch, now);
		return;
	}
	free(f->cont);
	f->cont = NULL;
	if (cont && *cont)
		f->cont = BW_TAKE_PTR(cont);
	if (bw_kube_watch_page(&f->watch, rv, f->cont != NULL, now) == BW_KUBE_DO_COMMIT &&
	    commit(f, NULL) < 0)
		bw_kube_watch_fault(&f->watch, now);
}

static int is_list(const struct bw_kube_reflector *f)
{
	return f->watch.state == BW_KUBE_WATCH_LISTING || f->watch.state == BW_KUBE_WATCH_PROBING;
}

static void judge(struct bw_kube_reflector *f, const struct bw_kube_answer *a)
{
	int64_t now = bw_loop_now_ns(f->loop);
	int ours = a->result == BW_KUBE_OK || a->result == BW_KUBE_UNKNOWN;
	struct bw_err err = { 0 };

	if (ours && f->error_line && f->line_result == BW_KUBE_OK) {
		bw_kube_watch_error(&f->watch, now);
	} else if (ours && f->error_line) {
		bw_kube_watch_end(&f->watch, f->line_result, f->line_retry_ms, now);
	} else if (ours && f->faulty) {
		bw_kube_watch_fault(&f->watch, now);
	} else if (a->result == BW_KUBE_OK && f->watch.state == BW_KUBE_WATCH_PROBING &&
		   !bw_kube_cut_rest(&f->cut).size) {
		/* The client did not stream it: nothing is known, so as before. */
		(void)bw_kube_watch_page(&f->watch, f->watch.rv, 0, now); /* waits, ignoring */
	} else if (a->result == BW_KUBE_OK && is_list(f)) {
		if (bw_kube_cut_end(&f->cut, &err) == 0) {
			on_page(f);
		} else {
			note(f, err.msg);
			bw_kube_watch_fault(&f->watch, now);
		}
	} else {
		if (a->result != BW_KUBE_OK && a->message)
			note(f, a->message);
		bw_kube_watch_end(&f->watch, a->result, a->retry_ms, now);
	}
}

static void on_done(const struct bw_kube_answer *a, void *arg)
{
	struct bw_kube_reflector *f = arg;

	f->calling = 0;
	judge(f, a);
	bw_kube_cut_done(&f->cut);
	if (f->watch.next != BW_KUBE_NEXT_PAGE)
		bw_kube_shadow_done(&f->shadow);
	if (f->progress)
		f->progress(f->arg);
	step(f);
}

static void start(struct bw_kube_reflector *f)
{
	struct bw_kube_request q = { .kind = bw_kube_store_kind(f->store),
				     .namespace = f->namespace,
				     .field_selector = f->field_selector,
				     .label_selector = f->label_selector,
				     .grace_s = -1 };
	struct bw_err err = { 0 };
	int list = is_list(f);

	bw_kube_watch_request(&f->watch, &q);
	if (f->watch.state == BW_KUBE_WATCH_LISTING && f->watch.pages)
		q.cont = f->cont;
	f->faulty = 0;
	f->error_line = 0;
	f->message[0] = '\0';
	bw_kube_cut_init(&f->cut, list ? BW_KUBE_CUT_ITEMS : BW_KUBE_CUT_LINES,
			 list ? on_item : on_line, f);
	f->call = (struct bw_kube_call){ .done = on_done, .data = on_data, .arg = f };
	if (bw_kube_start(f->client, &q, &f->call, &err) < 0) {
		note(f, err.msg);
		bw_kube_watch_fault(&f->watch, bw_loop_now_ns(f->loop));
		bw_kube_shadow_done(&f->shadow);
		return;
	}
	f->calling = 1;
}

static void stop_call(struct bw_kube_reflector *f)
{
	if (f->calling)
		bw_kube_cancel(&f->call);
	f->calling = 0;
	bw_kube_cut_done(&f->cut);
	bw_kube_shadow_done(&f->shadow);
}

static void arm(struct bw_kube_reflector *f)
{
	if (bw_timer_set(&f->timer, bw_kube_watch_due(&f->watch)) < 0)
		bw_defer_call(&f->again);
}

static void step(struct bw_kube_reflector *f)
{
	switch (bw_kube_watch_run(&f->watch, bw_loop_now_ns(f->loop))) {
	case BW_KUBE_DO_START:
		start(f);
		break;
	case BW_KUBE_DO_CANCEL:
		note(f, "nothing was heard of the watch");
		stop_call(f);
		break;
	case BW_KUBE_DO_NOTHING:
	case BW_KUBE_DO_COLLECT:
	case BW_KUBE_DO_APPLY:
	case BW_KUBE_DO_COMMIT:
		break;
	}
	arm(f);
}

void bw_kube_reflector_force(struct bw_kube_reflector *f)
{
	stop_call(f);
	bw_kube_watch_force(&f->watch, bw_loop_now_ns(f->loop));
	arm(f);
}

void bw_kube_reflector_wake(struct bw_kube_reflector *f)
{
	bw_kube_watch_wake(&f->watch, bw_loop_now_ns(f->loop));
	arm(f);
}

static void on_time(void *arg)
{
	step(arg);
}

static int copy(const char *s, char **ret)
{
	if (!s)
		return 0;
	*ret = strdup(s);
	return *ret ? 0 : -ENOMEM;
}

int bw_kube_reflector_start(struct bw_kube_reflector *f, struct bw_loop *loop,
			    struct bw_kube_client *client, struct bw_kube_store *store,
			    const struct bw_kube_watch_options *opts, uint64_t seed, int64_t at,
			    struct bw_err *err)
{
	f->loop = loop;
	f->client = client;
	f->store = store;
	bw_timer_init(&f->timer, loop, on_time, f);
	bw_defer_init(&f->again, loop, on_time, f);
	bw_kube_watch_init(&f->watch, seed);
	if (opts && (copy(opts->namespace, &f->namespace) < 0 ||
		     copy(opts->field_selector, &f->field_selector) < 0 ||
		     copy(opts->label_selector, &f->label_selector) < 0))
		return bw_fail(err, ENOMEM, "watch %s", bw_kube_store_kind(store)->plural);
	if (opts)
		f->keep = opts->keep;
	bw_kube_watch_start(&f->watch, at);
	if (bw_timer_set(&f->timer, at) < 0)
		return bw_fail(err, ENOMEM, "watch %s", bw_kube_store_kind(store)->plural);
	return 0;
}

void bw_kube_reflector_done(struct bw_kube_reflector *f)
{
	if (!f->loop)
		return;
	stop_call(f);
	bw_timer_stop(&f->timer);
	bw_defer_stop(&f->again);
	free(f->cont);
	free(f->namespace);
	free(f->field_selector);
	free(f->label_selector);
	*f = (struct bw_kube_reflector){ 0 };
}
