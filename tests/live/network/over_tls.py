"""Servers of TLS at one address, known apart by name: answers whoever has the value, and says to others what it got."""

import http.server
import ssl
import sys
import urllib.error
import urllib.request

address, value, directory, behind, *names = sys.argv[1:]


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, *args):
        super().__init__(*args, directory=directory)

    def do_GET(self):
        let_in = self.headers.get("Authorization") == f"Bearer {value}"
        if let_in and self.path.startswith("/repo.git/"):
            return super().do_GET()
        said = ("welcome\n" if let_in else "a stranger\n") + str(self.headers)
        self.send_response(200)
        self.send_header("X-Echo", self.headers.get("Authorization", "none"))
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in said[:30], said[30:]:
            self.wfile.write(f"{len(piece):x}\r\n{piece}\r\n".encode())
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def do_POST(self):
        """Asks the API behind this server, which speaks no TLS, with the key as it came."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name: self.headers[name] for name in ("Content-Type", "X-Api-Key") if self.headers[name]}
        asked = urllib.request.Request(behind + self.path, body, headers)
        try:
            answer = urllib.request.urlopen(asked)
        except urllib.error.HTTPError as error:
            answer = error
        said = answer.read()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_):
        pass


def context(name):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(f"{name}.pem")
    return made


contexts = {name: context(name) for name in names}
first = context(names[0])
first.sni_callback = lambda stream, name, _: setattr(stream, "context", contexts.get(name, first))
server = http.server.ThreadingHTTPServer((address, 443), Handler)
server.socket = first.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
