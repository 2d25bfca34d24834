/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the page knows: of each Unit, waiting claim, pool and node the pieces of HTML that show it,
 * made out of the informers' stores.
 *
 * I1 It exists while somebody looks and PAGE_LINGER_S longer: without anybody a change costs a
 *    comparison.
 * I2 An object is decoded when it has changed, however often it has, once a round of the loop and
 *    PAGE_SLICE of them at most: nothing else of the controller waits for it.
 * I3 It only reads.
 */
#pragma once

#include <bw/defs.h>
#include <bw/kube_store.h>
#include <bw/list.h>
#include <bw/loop.h>

#include "html.h"
#include "page.h"

#define PAGE_SLICE 64
#define PAGE_FLUSH_MS 500 /* between two events of one client */
#define PAGE_LINGER_S 40 /* a page without scripts comes again after 30 */
#define PAGE_POOLS_MAX 64 /* that are shown */
#define PAGE_CELLS_MAX 512 /* of a pool's picture */
#define PAGE_ID_MAX 18 /* bytes: a letter and 16 digits */

/* A piece of the page that is replaced as a whole. */
struct page_piece {
	uint64_t id; /* hash of what it is of */
	uint64_t hash; /* of .html; 0 = there is none */
	char *html; /* owned */
	size_t size;
};

enum page_tone { /* of two the later needs a person more */
		 PAGE_TONE_OK,
		 PAGE_TONE_OFF, /* stopped, and that is what is wanted */
		 PAGE_TONE_WAIT, /* on its way */
		 PAGE_TONE_BAD, /* does not come right without somebody */
		 PAGE_TONE_MAX_,
};

/* One object: a Unit, a claim that waits, or a pool. */
struct page_entry {
	struct bw_list dirty; /* in the model's list while it is to be decoded */
	struct bw_kube_object *o; /* a reference to what is to be decoded; NULL = it is gone */
	char *ns; /* owned, as .name and .node */
	char *name;
	char *node; /* "" = none */
	enum page_tone tone;
	uint8_t moved; /* new, or on another node than before */
	struct page_piece row; /* Units: in the table; pools: the picture */
	struct page_piece wait; /* why it waits; without HTML it does not */
};

/* By namespace and name. */
struct page_table {
	struct page_entry **v; /* owned, with the entries */
	size_t n;
	size_t cap;
};

/* A node that Units are on, or "" for those without one. */
struct page_node {
	struct page_piece head;
	size_t first; /* in .by_node */
	size_t n;
};

struct page_model {
	struct bw_loop *loop;
	const struct page_options *o; /* borrowed */
	struct page_table units;
	struct page_table claims; /* those that wait and belong to no Unit */
	struct page_table pools;
	struct page_entry **by_node; /* the Units: node, namespace, name; "" last; owned */
	struct page_node *nodes; /* in that order; owned */
	size_t n_nodes;
	struct page_piece summary;
	struct bw_list dirty; /* entries */
	struct bw_timer flush; /* what has been decoded is told */
	struct bw_timer later; /* the next slice */
	struct bw_timer linger;
	struct bw_defer work;
	int64_t told_ns;
	int64_t pools_ns;
	size_t n_out; /* how often memory was out: what is shown lacks something */
	unsigned int users;
	uint64_t version; /* of what is shown */
	uint64_t told_version;
	uint8_t active;
	uint8_t loaded; /* everything has been decoded once */
	uint8_t stale; /* what is made of several objects is to be made anew */
	uint8_t order_stale;
	uint8_t pools_stale; /* addresses have changed */
	uint8_t leading;
	char holder[321]; /* who leads; "" = nobody */
	void (*told)(void *arg); /* .version or .loaded has changed */
	void *arg;
};

/**
 * page_model_init() - hear of changes
 * @m: zeroed
 * @o: lives as long as the model
 * @told: called when there is something new to show
 *
 * Return: 0; -ENOMEM.
 */
int page_model_init(struct page_model *m, const struct page_options *o, void (*told)(void *arg),
		    void *arg, struct bw_err *err);
void page_model_done(struct page_model *m);

/* Somebody looks, or does not any more. Whether everything is there is .loaded. */
void page_model_use(struct page_model *m);
void page_model_unuse(struct page_model *m);

/* Makes what is stale: before anything is shown. */
void page_model_settle(struct page_model *m);

/* Something that no store tells: who leads. */
void page_model_touch(struct page_model *m);

/* The piece's HTML from @h, which may be emptied. 0; -ENOMEM: it has none then. */
int page_piece_set(struct page_piece *p, struct page_html *h);
void page_piece_done(struct page_piece *p);

/* "u0123456789abcdef"; returns @out. */
const char *page_id(char kind, uint64_t id, char out[PAGE_ID_MAX]);
uint64_t page_hash(const char *a, const char *b);

/* A Unit: its row and why it waits (render_unit.c). 0; -ENOMEM. */
int page_render_unit(struct page_entry *e, const struct bw_kube_object *o);
/* A claim that belongs to no Unit, likewise. */
int page_render_claim(struct page_entry *e, const struct bw_kube_object *o);
/* What is wrong with a pool. 0; -ENOMEM. */
int page_render_pool_wait(struct page_entry *e, const struct bw_net_pool *p);
/* A pool and its picture, likewise (render_pool.c). */
int page_render_pool(struct page_entry *e, const struct bw_kube_object *o,
		     const struct page_options *opts);
/* Node @i's head (render_node.c). 0; -ENOMEM. */
int page_render_node(struct page_model *m, size_t i);
/* The sums (render_node.c). 0; -ENOMEM. */
int page_render_summary(struct page_model *m);

/* A time for people, which a script tells as an age. */
void page_time(struct page_html *h, const char *rfc3339);
/* A mark and a word: never a colour alone. */
void page_mark(struct page_html *h, enum page_tone tone, const char *word);
