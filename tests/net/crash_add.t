#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIGKILL before every system call of an ADD on a node that works already."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *
from crash import Warm, lan, sweep

V4, V6 = "10.88.0.0/24", "fd88::/64"
DECLARED = lan(V4, runtimeConfig={"ips": ["10.88.0.77"]})
DUAL = lan(V4, V6, isGateway=True)
MASQ = lan(V4, isGateway=True, ipMasq=True)

case("ADD killed at any call, process start included", lambda: sweep(Warm("ADD", DECLARED, lan(V4), from_main=False)))
case("dual stack ADD killed at any call", lambda: sweep(Warm("ADD", DUAL, lan(V4, V6, isGateway=True))))
case("ADD with ipMasq killed at any call", lambda: sweep(Warm("ADD", MASQ, lan(V4, isGateway=True))))

main()
