# SPDX-License-Identifier: Apache-2.0
"""Asks a Redis over and over from a network namespace, and knows when it answered and when not.

    with Prober("/run/netns/outside", "10.99.2.10", 6379) as probe:
        move_the_pod()
        probe.wait_answer(time.monotonic(), 10)
    probe.gap()                       # seconds of the longest silence
"""
import ctypes
import os
import socket
import threading
import time

CLONE_NEWNET = 0x40000000
TRY_S = 0.25    # a try that has no answer by then counts as silence; less than the first resend of a SYN
PAUSE_S = 0.05


class Prober(threading.Thread):
    """A connection of its own each time: one that was open could outlive what it is to show."""

    def __init__(self, netns, host, port):
        super().__init__(daemon=True)
        self.netns, self.host, self.port = netns, host, port
        self.answers, self.stopped, self.error = [], threading.Event(), None

    def __enter__(self):
        self.start()
        self.wait_answer(0, 0.5)
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.join(5)

    def _ask(self):
        try:
            with socket.create_connection((self.host, self.port), timeout=TRY_S) as s:
                s.sendall(b"PING\r\n")
                return s.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def run(self):
        # The namespace is this thread's alone.
        fd = os.open(self.netns, os.O_RDONLY | os.O_CLOEXEC)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(fd, CLONE_NEWNET):
            self.error = os.strerror(ctypes.get_errno())
        os.close(fd)
        while not self.error and not self.stopped.is_set():
            sent = time.monotonic()
            if self._ask():
                self.answers.append((sent, time.monotonic()))
            self.stopped.wait(PAUSE_S)

    def answered_after(self, moment):
        """When the first answer came to a question sent after that moment; None while there was none."""
        return next((came for sent, came in list(self.answers) if sent >= moment), None)

    def wait_answer(self, moment, timeout_s):
        """True when a question sent after that moment was answered in time."""
        end = time.monotonic() + timeout_s
        while self.answered_after(moment) is None:
            if self.error:
                raise RuntimeError(self.netns + ": " + self.error)
            if time.monotonic() > end:
                return False
            time.sleep(0.01)
        return True

    def gap(self):
        """The longest time between two answers."""
        came = [c for _, c in list(self.answers)]
        return max((b - a for a, b in zip(came, came[1:])), default=0.0)
