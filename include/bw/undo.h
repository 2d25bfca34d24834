/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The undo list: effects outside the process have inverses, pushed the line after they happen.
 *
 * I1 Entries run last in, first out, each at most once.
 * I2 A scope that is left without bw_undo_commit() has run every entry.
 */
#pragma once

#include <bw/defs.h>

struct bw_err;

#define BW_UNDO_MAX 64

/* Reverts one effect. Returns 0 or -errno; a failure is reported and the rest still runs. */
typedef int (*bw_undo_fn)(void *arg, struct bw_err *err);

struct bw_undo_entry {
	bw_undo_fn fn;
	void *arg;
	const char *what; /* a static string: what is being taken back */
};

struct bw_undo {
	struct bw_undo_entry entries[BW_UNDO_MAX];
	unsigned int n;
};

#define bw_autoundo BW_CLEANUP(bw_undo_run)

/**
 * bw_undo_push() - record the inverse of an effect that has just succeeded
 * @u: the list; must have room, at most BW_UNDO_MAX entries (a programmer's error otherwise)
 * @fn: the inverse
 * @arg: borrowed until the list has run or was committed
 * @what: static text for the log, e.g. "delete bridge"
 */
void bw_undo_push(struct bw_undo *u, bw_undo_fn fn, void *arg, const char *what);

/**
 * bw_undo_run() - run every entry in reverse order, log what fails, empty the list
 * @u: the list
 */
void bw_undo_run(struct bw_undo *u);

/**
 * bw_undo_commit() - forget every entry: the effects stay
 * @u: the list
 */
void bw_undo_commit(struct bw_undo *u);
