/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors are values: one struct on the caller's stack collects what failed and why.
 * lib/cni turns a class into a CNI error code; nothing below lib/cni knows those codes.
 */
#pragma once

#include <bw/defs.h>

#define BW_ERR_MSG_MAX 512

/* What kind of failure it is, as far as the person who must act on it is concerned. */
enum bw_err_class {
	BW_ERR_INTERNAL, /* a kernel, disk or programming failure nobody configured */
	BW_ERR_INVALID, /* the configuration is wrong; the text names key and value */
	BW_ERR_UNSUPPORTED, /* a known key asks for what this kernel or device cannot do */
	BW_ERR_VERSION, /* incompatible CNI version */
	BW_ERR_NO_CONTAINER, /* the container or its namespace does not exist */
	BW_ERR_ENVIRONMENT, /* a CNI_* variable is missing or bad */
	BW_ERR_IO, /* standard input could not be read */
	BW_ERR_DECODE, /* standard input is no JSON */
	BW_ERR_NETNS, /* the namespace is the plugin's own */
	BW_ERR_BUSY, /* may work when tried again: held, locked, cooling, draining */
	BW_ERR_UNAVAILABLE, /* STATUS: no ADD can work here */
	BW_ERR_LIMITED, /* STATUS: no ADD can work here and running ones are hurt */
	BW_ERR_FOREIGN, /* a delegate's own error; its code is in .code */
	BW_ERR_MAX_,
};

/*
 * @class and @errnum say what happened to a program, @msg and @details to a person.
 * @code is only meaningful for BW_ERR_FOREIGN. A zeroed struct is "no error".
 */
struct bw_err {
	enum bw_err_class class;
	int code;
	int errnum;
	char msg[BW_ERR_MSG_MAX];
	char details[BW_ERR_MSG_MAX];
};

/**
 * bw_fail() - record a failed operation
 * @err: filled; NULL is allowed
 * @errnum: positive errno; its text is appended to the message
 * @fmt: verb + object + value, lower case, no period
 *
 * The class becomes BW_ERR_INTERNAL.
 * Return: -@errnum (-EINVAL when @errnum is not positive).
 */
int bw_fail(struct bw_err *err, int errnum, const char *fmt, ...) BW_PRINTF(3, 4);

/**
 * bw_reject() - record a refusal whose text says everything
 * @err: filled; NULL is allowed
 * @class: what kind of refusal
 * @errnum: positive errno to return; its text is not appended
 * @fmt: names the key or object, the value and what is allowed
 *
 * Return: -@errnum.
 */
int bw_reject(struct bw_err *err, enum bw_err_class class, int errnum, const char *fmt, ...)
	BW_PRINTF(4, 5);

/**
 * bw_wrap() - put context before an error that is already recorded
 * @err: an error filled by the callee; NULL is allowed
 * @r: the callee's return, negative
 * @fmt: what the caller was doing; the message becomes "<fmt>: <old message>"
 *
 * Return: @r.
 */
int bw_wrap(struct bw_err *err, int r, const char *fmt, ...) BW_PRINTF(3, 4);

/**
 * bw_err_details() - add the longer explanation or the remedy to a recorded error
 * @err: filled; NULL is allowed
 * @fmt: replaces the present details
 */
void bw_err_details(struct bw_err *err, const char *fmt, ...) BW_PRINTF(2, 3);

/**
 * bw_err_class_str() - name of a class for logs
 * @class: any value
 *
 * Return: a static string, "unknown" outside the enum.
 */
const char *bw_err_class_str(enum bw_err_class class);
