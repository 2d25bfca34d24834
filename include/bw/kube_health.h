/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Health and metrics over HTTP, answered in the loop: no thread, no wait. For probes and scrapes
 * alone: GET, small answers, few connections.
 */
#pragma once

#include <bw/defs.h>

struct bw_buf;
struct bw_err;
struct bw_kube_health;
struct bw_kube_runtime;
struct bw_loop;
struct bw_metrics;

#define BW_KUBE_HEALTH_CONNECTIONS 32
#define BW_KUBE_HEALTH_IDLE_S 10

/* Writes the answer's text to @out. Return: the HTTP status; -errno answers 500. */
typedef int (*bw_kube_health_fn)(struct bw_buf *out, void *arg);

/**
 * bw_kube_health_new() - listen for probes
 * @loop: a real one, borrowed
 * @address: "127.0.0.1:8081", "[::1]:8081", ":8081" for all; port 0 = any
 * @ret: owned by the caller
 *
 * Knows no path yet: everything answers 404.
 * Return: 0; -EINVAL class INVALID the address; -EADDRINUSE and what else bind(2) says; -ENOMEM.
 */
int bw_kube_health_new(struct bw_loop *loop, const char *address, struct bw_kube_health **ret,
		       struct bw_err *err);

/* @path is static. At most 8. Return: 0; -E2BIG. */
int bw_kube_health_add(struct bw_kube_health *h, const char *path, bw_kube_health_fn fn, void *arg);

/* The port that is listened on. */
unsigned int bw_kube_health_port(const struct bw_kube_health *h);

/* NULL-safe. */
void bw_kube_health_free(struct bw_kube_health **h);

/* For bw_kube_health_add(): the process lives. @arg is ignored. */
int bw_kube_health_live(struct bw_buf *out, void *arg);
/* The stores are synced and fresh; leadership does not count. @arg: struct bw_kube_runtime. */
int bw_kube_health_ready(struct bw_buf *out, void *arg);
/* The text of a scrape, with what the process costs. @arg: struct bw_metrics. */
int bw_kube_health_metrics(struct bw_buf *out, void *arg);
