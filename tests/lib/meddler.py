# SPDX-License-Identifier: Apache-2.0
"""Somebody who stands between a controller and the API server: loses answers of writes that were done, shows watches late,
counts writes.

    m = Meddler(cluster, port=9543)
    cluster.leader("late", url=m.url)
    m.lose = lambda method, path: True      # this write's answer is lost after the server has done it
    m.delay_s = 5.0                         # of all that watches tell
"""
import queue
import socket
import ssl
import threading
import time

WRITES = ("POST", "PATCH", "DELETE", "PUT")


class Meddler:
    def __init__(self, cluster, port):
        crt, key = cluster.server.pki.cert("meddler", "meddler", sans=["IP:127.0.0.1"])
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(crt, key)
        self.up = ssl.create_default_context(cafile=cluster.server.pki.ca)
        self.to, self.url = ("127.0.0.1", cluster.server.port), "https://127.0.0.1:%d" % port
        self.lose, self.delay_s, self.lost, self.writes = (lambda method, path: False), 0.0, 0, 0
        self.listener = socket.create_server(("127.0.0.1", port), backlog=256)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                conn = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn):
        """One request a connection: whoever comes again comes anew."""
        try:
            with self.tls.wrap_socket(conn, server_side=True) as client:
                head, body = _request(client)
                if not head:
                    return
                method, path = head.split(b" ", 2)[:2]
                with self.up.wrap_socket(socket.create_connection(self.to), server_hostname="127.0.0.1") as server:
                    line, _, rest = head.partition(b"\r\n")
                    kept = [h for h in rest.split(b"\r\n") if not h.lower().startswith(b"connection:")]
                    server.sendall(b"\r\n".join([line, b"Connection: close", *kept]) + b"\r\n\r\n" + body)
                    self._answer(client, server, method.decode(), path.decode())
        except (OSError, ssl.SSLError, ValueError):
            pass  # either end has gone

    def _answer(self, client, server, method, path):
        if "watch=" in path:
            late = queue.SimpleQueue()
            threading.Thread(target=self._tell_late, args=(client, late), daemon=True).start()
            data = True
            while data:
                data = server.recv(65536)
                late.put((time.monotonic() + self.delay_s, data))
            return
        data = b"".join(iter(lambda: server.recv(262144), b""))
        if method in WRITES and "/leases" not in path:
            self.writes += 1
            if self.lose(method, path.partition("?")[0]):
                self.lost += 1
                return
        client.sendall(data)


    @staticmethod
    def _tell_late(client, late):
        data = True
        while data:
            due, data = late.get()
            time.sleep(max(0, due - time.monotonic()))
            try:
                client.sendall(data)
            except (OSError, ValueError):
                return


def _request(client):
    """(head without its end, body); ("", b"") when there is none."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = client.recv(65536)
        if not more:
            return b"", b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    size = next((int(h.split(b":")[1]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-length:")), 0)
    while len(body) < size:
        more = client.recv(65536)
        if not more:
            raise ValueError("cut")
        body += more
    return head, body
