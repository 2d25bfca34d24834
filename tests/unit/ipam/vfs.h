/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VFS between SQLite and the disk: records every write, truncation and sync of the journal's
 * files, and can refuse writes as a full disk does. It becomes the default one when registered.
 */
#pragma once

#include <assert.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

enum rec_kind {
	REC_WRITE,
	REC_TRUNCATE,
	REC_SYNC,
};

enum rec_which {
	REC_DB,
	REC_WAL,
	REC_FILES_, /* files that are looked at; the shared memory is no file after a power cut */
};

struct rec_op {
	enum rec_kind kind;
	enum rec_which file;
	sqlite3_int64 at; /* offset, or the size a truncation leaves */
	int size;
	unsigned char *data; /* owned */
};

/* What happened since the log was cleared. */
struct rec_log {
	struct rec_op *ops;
	size_t n;
	size_t cap;
	int recording;
	long budget; /* writes that still work; -1 = the disk is large */
};

static struct rec_log rec;

struct rec_file {
	sqlite3_file base;
	enum rec_which which;
	sqlite3_file *real; /* behind this struct */
};

static inline struct rec_file *rec_of(sqlite3_file *f)
{
	return (struct rec_file *)f;
}

static inline sqlite3_file *rec_real(sqlite3_file *f)
{
	return rec_of(f)->real;
}

static inline void rec_push(sqlite3_file *f, enum rec_kind kind, sqlite3_int64 at, int size,
			    const void *data)
{
	struct rec_op *op;

	if (!rec.recording || rec_of(f)->which == REC_FILES_)
		return;
	if (rec.n == rec.cap) {
		rec.cap = rec.cap ? rec.cap * 2 : 1024;
		rec.ops = reallocarray(rec.ops, rec.cap, sizeof(*rec.ops));
		assert(rec.ops);
	}
	op = &rec.ops[rec.n++];
	memset(op, 0, sizeof(*op));
	op->kind = kind;
	op->file = rec_of(f)->which;
	op->at = at;
	op->size = size;
	if (data) {
		op->data = malloc((size_t)size);
		assert(op->data);
		memcpy(op->data, data, (size_t)size);
	}
}

static inline void rec_clear(void)
{
	for (size_t i = 0; i < rec.n; i++)
		free(rec.ops[i].data);
	free(rec.ops);
	memset(&rec, 0, sizeof(rec));
	rec.budget = -1;
}

static inline int rec_refuse(sqlite3_file *f)
{
	if (rec.budget < 0 || rec_of(f)->which == REC_FILES_)
		return 0;
	if (rec.budget == 0)
		return 1;
	rec.budget--;
	return 0;
}

static inline int rec_close(sqlite3_file *f)
{
	return rec_real(f)->pMethods ? rec_real(f)->pMethods->xClose(rec_real(f)) : SQLITE_OK;
}

static inline int rec_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
	return rec_real(f)->pMethods->xRead(rec_real(f), p, n, at);
}

static inline int rec_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	if (rec_refuse(f))
		return SQLITE_FULL;
	rec_push(f, REC_WRITE, at, n, p);
	return rec_real(f)->pMethods->xWrite(rec_real(f), p, n, at);
}

static inline int rec_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	rec_push(f, REC_TRUNCATE, size, 0, NULL);
	return rec_real(f)->pMethods->xTruncate(rec_real(f), size);
}

/* The real one is left out: only what the log says is believed to be on the disk. */
static inline int rec_sync(sqlite3_file *f, int flags)
{
	(void)flags;
	rec_push(f, REC_SYNC, 0, 0, NULL);
	return SQLITE_OK;
}

static inline int rec_size(sqlite3_file *f, sqlite3_int64 *ret)
{
	return rec_real(f)->pMethods->xFileSize(rec_real(f), ret);
}

static inline int rec_lock(sqlite3_file *f, int level)
{
	return rec_real(f)->pMethods->xLock(rec_real(f), level);
}

static inline int rec_unlock(sqlite3_file *f, int level)
{
	return rec_real(f)->pMethods->xUnlock(rec_real(f), level);
}

static inline int rec_reserved(sqlite3_file *f, int *ret)
{
	return rec_real(f)->pMethods->xCheckReservedLock(rec_real(f), ret);
}

static inline int rec_control(sqlite3_file *f, int op, void *arg)
{
	return rec_real(f)->pMethods->xFileControl(rec_real(f), op, arg);
}

static inline int rec_sector(sqlite3_file *f)
{
	return rec_real(f)->pMethods->xSectorSize(rec_real(f));
}

static inline int rec_traits(sqlite3_file *f)
{
	/* No promise of the device is believed. */
	(void)f;
	return 0;
}

static inline int rec_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
	return rec_real(f)->pMethods->xShmMap(rec_real(f), page, size, extend, ret);
}

static inline int rec_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
	return rec_real(f)->pMethods->xShmLock(rec_real(f), at, n, flags);
}

static inline void rec_shm_barrier(sqlite3_file *f)
{
	rec_real(f)->pMethods->xShmBarrier(rec_real(f));
}

static inline int rec_shm_unmap(sqlite3_file *f, int del)
{
	return rec_real(f)->pMethods->xShmUnmap(rec_real(f), del);
}

static const sqlite3_io_methods rec_methods = {
	.iVersion = 2,
	.xClose = rec_close,
	.xRead = rec_read,
	.xWrite = rec_write,
	.xTruncate = rec_truncate,
	.xSync = rec_sync,
	.xFileSize = rec_size,
	.xLock = rec_lock,
	.xUnlock = rec_unlock,
	.xCheckReservedLock = rec_reserved,
	.xFileControl = rec_control,
	.xSectorSize = rec_sector,
	.xDeviceCharacteristics = rec_traits,
	.xShmMap = rec_shm_map,
	.xShmLock = rec_shm_lock,
	.xShmBarrier = rec_shm_barrier,
	.xShmUnmap = rec_shm_unmap,
};

static inline int rec_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags,
			   int *ret_flags)
{
	sqlite3_vfs *real = vfs->pAppData;
	struct rec_file *r = rec_of(f);
	int rc;

	r->real = (sqlite3_file *)(r + 1);
	r->which = flags & SQLITE_OPEN_WAL       ? REC_WAL
		   : flags & SQLITE_OPEN_MAIN_DB ? REC_DB
						 : REC_FILES_;
	rc = real->xOpen(real, name, r->real, flags, ret_flags);
	r->base.pMethods = r->real->pMethods ? &rec_methods : NULL;
	return rc;
}

static sqlite3_vfs rec_vfs;

/* Makes it the default VFS, or the old one again. */
static inline void rec_install(void)
{
	sqlite3_vfs *real = sqlite3_vfs_find("unix");

	assert(real);
	rec_vfs = *real;
	rec_vfs.zName = "record";
	rec_vfs.pAppData = real;
	rec_vfs.szOsFile = (int)sizeof(struct rec_file) + real->szOsFile;
	rec_vfs.xOpen = rec_open;
	rec_clear();
	assert(sqlite3_vfs_register(&rec_vfs, 1) == SQLITE_OK);
}

static inline void rec_remove(void)
{
	(void)sqlite3_vfs_unregister(&rec_vfs);
	(void)sqlite3_vfs_register(sqlite3_vfs_find("unix"), 1);
	rec_clear();
}
