#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# The bridge plugin's own tests with netkit pairs in veth's place.
# vm: kernel=6.12 with=go
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from again import again

again("net/segments.t", "net/datapath_cli.t", ("net/spoof.t", "pod peer, accel ebpf", "counted"), BW_LINK="netkit")
