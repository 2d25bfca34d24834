# SPDX-License-Identifier: Apache-2.0
"""What a reader must know of the machine to judge a number."""
import os
import subprocess
import time

from bed import reference_dir


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
    env = {k: v for k, v in os.environ.items() if not k.startswith("CNI_")}
    p = subprocess.run([os.path.join(reference_dir(), "bridge")], capture_output=True, text=True, env=env,
                       stdin=subprocess.DEVNULL)
    for word in (p.stderr + " " + p.stdout).split():
        if word[:1] == "v" and word[1:2].isdigit():
            return word[1:]
    return "of the distribution"


def machine():
    return {"kernel": os.uname().release, "cpu": cpu_model(), "cpus": os.cpu_count(),
            "load": os.getloadavg()[0], "redis": redis_version(), "reference": reference_version(),
            "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())}
