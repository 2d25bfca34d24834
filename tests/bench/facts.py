# SPDX-License-Identifier: Apache-2.0
"""What a reader must know of the machine to judge a number."""
import os
import subprocess
import time

from bed import reference_dir
from bwtest import GO_PLUGINS


def first_line(*argv):
    try:
        p = subprocess.run(argv, capture_output=True, text=True, timeout=10)
    except OSError:
        return ""
    return (p.stdout or p.stderr).strip().split("\n")[0]


def redis_version():
    words = first_line("redis-server", "--version").split()
    return next((w[2:] for w in words if w.startswith("v=")), "")


def cpu_model():
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return os.uname().machine


def reference_version():
    """The plugins themselves do not know: it is where they came from that tells."""
    folder = reference_dir()
    return folder.rpartition("-")[2] if folder == GO_PLUGINS else "of this Debian release"


def machine():
    return {"kernel": os.uname().release, "cpu": cpu_model(), "cpus": os.cpu_count(),
            "load": os.getloadavg()[0], "redis": redis_version(), "reference": reference_version(),
            "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())}
