#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An HTTP(S) server that does what it is told, wrong things too: for the wire rules of lib/kube.

    kube_server.py [--tls DIR]      with DIR/{ca,server,client}.{crt,key}, made when missing

Prints `port N`, then a JSON line for every request as it came: conn, method, target, headers (lower case), body (the
first 2 KiB), cert (common name of the client's). Reads one JSON line on standard input for every answer, used in order:

    {"status": 200, "headers": {}, "body": "..."}   also "gzip": true, and "length" for another Content-Length
    {"chunks": ["a", {"ms": 50}, "b"]}               chunked, with pauses
    "before": "close" | "reset" | "hang"             instead of an answer; hang ends with the connection
    "after": "close" | "reset" | "hang"              after what was written; a chunked body stays unfinished then
    {"cut": 5}                                       of the body only so many bytes, then the connection closes
    {"to": "watch="}                                 for a request whose target has that in it alone
    {"ms": 50}                                       wait before the answer
    {"restart": "other"}                             no answer: another server certificate from now on
    {"forget": true}                                 no answer: everything is as at the start, and connections end
"""
import argparse
import gzip
import json
import os
import socket
import ssl
import struct
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import kubepki  # noqa: E402

answers = []
connections = set()
generation = [0]
answers_changed = threading.Condition()
log_lock = threading.Lock()


def log(value):
    with log_lock:
        sys.stdout.write((value if isinstance(value, str) else json.dumps(value)) + "\n")
        sys.stdout.flush()


def next_answer(target):
    """The first that is for this target, or for any."""
    def find():
        return next((a for a in answers if a.get("to", "") in target), None)
    with answers_changed:
        began = generation[0]
        answers_changed.wait_for(lambda: find() or generation[0] != began, timeout=20)
        found = find() if generation[0] == began else None
        if not found:
            raise ValueError("no answer was given")
        answers.remove(found)
        return found


def until_closed(sock):
    try:
        while sock.recv(4096):
            pass
    except OSError:
        pass


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def leave(sock, how):
    """Ends a connection in the way asked for; True when it is over."""
    if how == "hang":
        until_closed(sock)
    elif how == "reset":
        reset(sock)
    return how is not None


def read_request(f):
    line = f.readline(65536)
    if not line:
        return None
    method, target, _ = line.decode().split(" ", 2)
    headers = {}
    while True:
        line = f.readline(1 << 20)
        if line in (b"\r\n", b""):
            break
        key, value = line.decode().split(":", 1)
        headers[key.strip().lower()] = value.strip()
    if headers.get("transfer-encoding") == "chunked":
        raise ValueError("a chunked request")
    body = f.read(int(headers.get("content-length", "0")))
    return {"method": method, "target": target, "headers": headers, "body": body[:2048].decode()}


def write_chunks(sock, chunks):
    for c in chunks:
        if isinstance(c, dict):
            time.sleep(c["ms"] / 1000)
            continue
        data = c.encode()
        sock.sendall(b"%x\r\n%s\r\n" % (len(data), data))


def answer(sock, a):
    """Writes one answer. True when the connection is over."""
    time.sleep(a.get("ms", 0) / 1000)
    if leave(sock, a.get("before")):
        return True
    body = a.get("body", "").encode()
    headers = dict(a.get("headers", {}))
    headers.setdefault("Content-Type", "application/json")
    if a.get("gzip"):
        body = gzip.compress(body)
        headers["Content-Encoding"] = "gzip"
    if "chunks" in a:
        headers["Transfer-Encoding"] = "chunked"
    else:
        headers["Content-Length"] = str(a.get("length", len(body)))
    head = "HTTP/1.1 %d Whatever\r\n" % a.get("status", 200)
    head += "".join("%s: %s\r\n" % h for h in headers.items()) + "\r\n"
    if "chunks" in a:
        sock.sendall(head.encode())
        write_chunks(sock, a["chunks"])
        if "after" not in a:
            sock.sendall(b"0\r\n\r\n")
    else:
        sock.sendall(head.encode() + (body[:a["cut"]] if "cut" in a else body))
        if "cut" in a:
            return True
    return leave(sock, a.get("after"))


def serve(sock, number):
    cert = None
    try:
        if isinstance(sock, ssl.SSLSocket):
            sock.do_handshake()
            names = dict(x[0] for x in (sock.getpeercert() or {}).get("subject", ()))
            cert = names.get("commonName")
        f = sock.makefile("rb")
        while True:
            request = read_request(f)
            if request is None:
                break
            log(dict(request, conn=number, cert=cert))
            if answer(sock, next_answer(request["target"])):
                break
    # A connection that forget() has ended is no TLS one any more.
    except (OSError, ValueError, AttributeError) as e:
        log({"conn": number, "error": str(e)})
    finally:
        connections.discard(sock)
        try:
            sock.close()
        except OSError:
            pass


def forget():
    with answers_changed:
        answers.clear()
        generation[0] += 1
        answers_changed.notify_all()
    for sock in list(connections):
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def context(folder, name):
    pki = kubepki.Pki(folder)
    pki.cert("server", "kube-fake", sans=["DNS:kube.test", "IP:127.0.0.1"])
    pki.cert("client", "tester", orgs=["testers"])
    other = kubepki.Pki(os.path.join(folder, "other"))
    other.cert("server", "kube-fake", sans=["DNS:kube.test", "IP:127.0.0.1"])
    which = pki if name == "server" else other
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(which.path("server.crt"), which.path("server.key"))
    c.load_verify_locations(pki.ca)
    c.verify_mode = ssl.CERT_OPTIONAL
    return c


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--tls")
    o = p.parse_args()
    tls = [context(o.tls, "server") if o.tls else None]
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def accept():
        number = 0
        while True:
            sock, _ = listener.accept()
            number += 1
            if tls[0]:
                sock = tls[0].wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
            connections.add(sock)
            threading.Thread(target=serve, args=(sock, number), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    log("port %d" % listener.getsockname()[1])
    for line in sys.stdin:
        a = json.loads(line)
        if "restart" in a:
            tls[0] = context(o.tls, a["restart"])
            log("restarted")
        elif "forget" in a:
            forget()
            tls[0] = context(o.tls, "server") if o.tls else None
            log("forgotten")
        else:
            with answers_changed:
                answers.append(a)
                answers_changed.notify_all()


main()
