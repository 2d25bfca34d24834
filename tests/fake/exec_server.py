#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""pods/exec of an API server, as far as a client sees it, over a WebSocket implementation that is not ours
(python3-websockets): for lib/kube's commands in containers.

    exec_server.py [--tls DIR]      with DIR/{ca,server}.{crt,key}, made when missing

Prints `port N`, then for every request a JSON line: path, authorization, protocols. The first argument of the command
says what happens, the pod's name what is refused; see COMMANDS and process_request().
"""
import argparse
import asyncio
import http
import json
import os
import ssl
import sys
import urllib.parse

import websockets

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

SUCCESS = b'\3{"metadata":{},"status":"Success"}'


def failure(code):
    return b"\3" + json.dumps({
        "metadata": {}, "status": "Failure", "message": "command terminated with exit code %d" % code,
        "reason": "NonZeroExitCode", "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]}}).encode()


async def cmd_echo(ws, words):
    await ws.send(b"\1" + " ".join(words).encode() + b"\n")
    await ws.send(b"\2warned\n")
    await ws.send(SUCCESS)


async def cmd_exit(ws, words):
    await ws.send(failure(int(words[0])))


async def cmd_cat(ws, _):
    """Until the input's end."""
    n = 0
    async for m in ws:
        if m[:1] == b"\xff":
            break
        n += len(m) - 1
        await ws.send((b"\1" if m[:1] == b"\0" else b"\2") + m[1:])
    await ws.send(b"\2%d bytes" % n)
    await ws.send(SUCCESS)


async def cmd_pieces(ws, _):
    """One message in fragments, pings between, an empty message first, as kubelets do."""
    await ws.send(b"\1")
    await ws.ping()

    async def parts():
        for p in (b"\1frag", b"ments ", b"", b"joined"):
            yield p
            await (await ws.ping(b"between"))
    await ws.send(parts())
    await ws.send(SUCCESS)


async def cmd_big(ws, words):
    """So many KiB of output."""
    for _ in range(int(words[0])):
        await ws.send(b"\1" + b"x" * 1024)
    await ws.send(SUCCESS)


async def cmd_huge(ws, _):
    await ws.send(b"\1" + b"x" * (16 << 20))
    await ws.send(SUCCESS)


async def cmd_largest(ws, _):
    await ws.send(b"\1" + b"x" * ((16 << 20) - 1))
    await ws.send(SUCCESS)


async def cmd_text(ws, _):
    await ws.send("text")


async def cmd_hang(ws, _):
    await ws.send(b"\1begun\n")
    await ws.wait_closed()


async def cmd_drop(ws, _):
    await ws.send(b"\1half")
    ws.transport.close()


async def cmd_after(ws, _):
    """Output that comes behind the status still counts; then no close, which the client does not wait for long."""
    await ws.send(failure(4))
    await ws.send(b"\1late\n")


async def cmd_nonsense(ws, _):
    await ws.send(b"\3{\"status\":")


async def cmd_internal(ws, _):
    await ws.send(b'\3{"metadata":{},"status":"Failure","message":"no such file","reason":"InternalError","code":500}')


async def cmd_reason(ws, _):
    await ws.close(1011, "the node has gone")


COMMANDS = {k[4:]: v for k, v in globals().items() if k.startswith("cmd_")}


async def handler(ws):
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(ws.path).query)
    words = query["command"]
    try:
        await COMMANDS[words[0]](ws, words[1:])
        await ws.close()
    except websockets.ConnectionClosed as e:
        print(json.dumps({"closed": e.rcvd.code if e.rcvd else None}), flush=True)


def status(code, reason, message):
    body = json.dumps({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message,
                       "reason": reason, "code": code}).encode()
    return http.HTTPStatus(code), [("Content-Type", "application/json")], body


class Server(websockets.WebSocketServerProtocol):
    async def process_request(self, path, headers):
        print(json.dumps({"path": path, "authorization": headers.get("Authorization", ""),
                          "protocols": headers.get("Sec-WebSocket-Protocol", "")}), flush=True)
        pod = path.split("/pods/", 1)[-1].split("/", 1)[0]
        if "*/*" not in headers.get("Accept", ""):
            # A stream is of no type: the API server accepts whoever takes anything.
            return status(406, "NotAcceptable", "only the following media types are accepted: */*")
        if pod == "missing":
            return status(404, "NotFound", 'pods "missing" not found')
        if pod == "forbidden":
            return status(403, "Forbidden", "cannot create resource pods/exec")
        if pod == "expired" and headers.get("Authorization") != "Bearer new":
            return status(401, "Unauthorized", "Unauthorized")
        if pod == "plain":
            return http.HTTPStatus(200), [], b"{}"
        return None

    def select_subprotocol(self, client, server):
        return "v4.channel.k8s.io" if "/pods/old/" in self.path else None if "/pods/none/" in self.path \
            else "v5.channel.k8s.io"


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tls")
    args = parser.parse_args()
    context = None
    if args.tls:
        import kubepki
        kubepki.Pki(args.tls).cert("server", "kube-fake", sans=["DNS:kube.test", "IP:127.0.0.1"])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(args.tls, "server.crt"), os.path.join(args.tls, "server.key"))
    async with websockets.serve(handler, "127.0.0.1", 0, ssl=context, create_protocol=Server, compression=None,
                                subprotocols=["v5.channel.k8s.io", "v4.channel.k8s.io"],
                                ping_interval=None, max_size=None, close_timeout=1) as server:
        print("port %d" % server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        os._exit(0)


asyncio.run(main())
