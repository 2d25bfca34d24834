/* SPDX-License-Identifier: Apache-2.0 */
/* System calls by kind: which name a path, which work on a file, which change what others see. */
#pragma once

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

/* Which argument is a path (1-based), 0 = none. */
static inline int path_arg(uint64_t nr)
{
	switch (nr) {
	case __NR_open:
	case __NR_stat:
	case __NR_lstat:
	case __NR_access:
	case __NR_readlink:
	case __NR_unlink:
	case __NR_execve:
	case __NR_mkdir:
		return 1;
	case __NR_openat:
	case __NR_newfstatat:
	case __NR_statx:
	case __NR_faccessat:
	case __NR_faccessat2:
	case __NR_readlinkat:
	case __NR_unlinkat:
	case __NR_mkdirat:
		return 2;
	default:
		return 0;
	}
}

/* Calls whose first argument is a file descriptor and which SQLite's VFS makes. */
static inline bool takes_file(uint64_t nr)
{
	static const int calls[] = { __NR_pread64, __NR_pwrite64, __NR_read,      __NR_write,
				     __NR_lseek,   __NR_fcntl,    __NR_fstat,     __NR_newfstatat,
				     __NR_fchmod,  __NR_fchown,   __NR_ftruncate, __NR_fdatasync,
				     __NR_fsync,   __NR_close,    __NR_fallocate };

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if ((uint64_t)calls[i] == nr)
			return true;
	return false;
}

/*
 * Calls that change what others can see: files, devices, namespaces, other processes. An open
 * counts when it may create or empty its file.
 */
static inline bool changes_state(const struct __ptrace_syscall_info *info)
{
	static const int calls[] = { __NR_sendto,   __NR_sendmsg,   __NR_sendmmsg,  __NR_write,
				     __NR_writev,   __NR_pwrite64,  __NR_pwritev,   __NR_pwritev2,
				     __NR_fsync,    __NR_fdatasync, __NR_sync,      __NR_syncfs,
				     __NR_msync,    __NR_unlink,    __NR_unlinkat,  __NR_rename,
				     __NR_renameat, __NR_renameat2, __NR_link,      __NR_linkat,
				     __NR_symlink,  __NR_symlinkat, __NR_mkdir,     __NR_mkdirat,
				     __NR_rmdir,    __NR_truncate,  __NR_ftruncate, __NR_fallocate,
				     __NR_chmod,    __NR_fchmod,    __NR_fchmodat,  __NR_chown,
				     __NR_fchown,   __NR_fchownat,  __NR_ioctl,     __NR_bpf,
				     __NR_mount,    __NR_umount2,   __NR_kill,      __NR_execve,
				     __NR_execveat, __NR_fork,      __NR_vfork,     __NR_clone,
				     __NR_clone3,   __NR_setxattr };
	uint64_t nr = info->entry.nr;

	if (nr == __NR_open || nr == __NR_openat)
		return info->entry.args[nr == __NR_open ? 1 : 2] & (O_CREAT | O_TRUNC);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if ((uint64_t)calls[i] == nr)
			return true;
	return false;
}
