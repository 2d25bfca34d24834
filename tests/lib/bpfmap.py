# SPDX-License-Identifier: Apache-2.0
"""Pinned eBPF maps read by bpf(2) itself (ctypes): a snapshot is taken hundreds of times in a crash suite,
and a process per map would be most of its time."""
import ctypes
import os
import platform

_NR = {"x86_64": 321, "aarch64": 280}[platform.machine()]
_GET_NEXT_KEY, _OBJ_GET, _GET_INFO = 4, 7, 15
HASH = 1  # BPF_MAP_TYPE_HASH, linux/bpf.h

_libc = ctypes.CDLL(None, use_errno=True)


class _MapInfo(ctypes.Structure):
    """The beginning of struct bpf_map_info."""
    _fields_ = [(n, ctypes.c_uint32) for n in
                ("type", "id", "key_size", "value_size", "max_entries", "map_flags")] + [("name", ctypes.c_char * 16)]


def _bpf(cmd, attr):
    return _libc.syscall(_NR, cmd, attr, ctypes.c_uint(len(attr)))


def _attr(*fields):
    """A union bpf_attr of 64-bit words, the shape all commands used here share."""
    return ctypes.create_string_buffer(b"".join(f.to_bytes(8, "little") for f in fields) + bytes(64))


def obj_get(path):
    name = ctypes.create_string_buffer(path.encode())
    fd = _bpf(_OBJ_GET, _attr(ctypes.addressof(name), 0))
    if fd < 0:
        raise OSError(ctypes.get_errno(), "open pinned object", path)
    return fd


def map_info(fd):
    info = _MapInfo()
    attr = _attr(fd | ctypes.sizeof(info) << 32, ctypes.addressof(info))
    return info if _bpf(_GET_INFO, attr) == 0 else None


def keys(path, kind=HASH):
    """Keys of the pinned map in hex, sorted; None when it is no map of this kind."""
    fd = obj_get(path)
    try:
        info = map_info(fd)
        if info is None or info.type != kind:
            return None
        key = ctypes.create_string_buffer(info.key_size)
        found, previous = [], 0
        for _ in range(info.max_entries + 1):
            if _bpf(_GET_NEXT_KEY, _attr(fd, previous, ctypes.addressof(key))) != 0:
                break
            found.append(key.raw.hex())
            previous = ctypes.addressof(key)
        return sorted(found)
    finally:
        os.close(fd)
