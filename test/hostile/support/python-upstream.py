"""Python's own server and readers of paths, as an upstream that says which priced handler a target leads to."""

import posixpath
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

SOLD = {
    "make": r"/v1/make",
    "cheap": r"/v1/cheap",
    "img": r"/v1/img/[^/]+",
    "run": r"/v1/models/[^/]+/run",
    "models": r"/v1/models@make\(it\)",
}


def readings(target):
    """As SimpleHTTPRequestHandler, WSGI servers and hand-written handlers read a path."""
    path = target.split("?", 1)[0].split("#", 1)[0]
    yield path
    yield unquote(path)
    yield posixpath.normpath(unquote(path))
    yield unquote(urlsplit(target).path)
    yield posixpath.normpath(unquote(unquote(path))).lower()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        reached = sorted(
            name for name, pattern in SOLD.items() if any(re.fullmatch(pattern, each) for each in readings(self.path))
        )
        text = ("reached=" + ",".join(reached)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_POST = do_HEAD = do_PUT = answer

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
sys.stdin.close()
server.serve_forever()
