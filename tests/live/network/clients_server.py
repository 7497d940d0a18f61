# A server that each client of the web finds what it wants at: pages, a git repository, a registry of each kind, streams.
#
#   clients_server.py ADDRESS CERTIFICATE KEY DIRECTORY API    listens on ports 80 and 443; API is the stub of a model's
#
# HTTP/2 is spoken with whoever asks for a host whose name begins with "h2", by hand: what is asked is sent back.
import base64, gzip, hashlib, http.client, http.server, io, json, os, socketserver, ssl, struct, subprocess, sys, tarfile
import threading, time, urllib.parse, zipfile

ADDRESS, CERTIFICATE, KEY, DIRECTORY, API = sys.argv[1:]


def tar_gz(files):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


# what is the same for everybody: each path, the kind of what is there, and what is there
FILES = {"/hello": ("text/plain", b"hello\n")}


def deb():
    control = b"Package: tiny\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@example.com>\nDescription: tiny\n"
    ar = b"!<arch>\n"
    for name, content in {
        "debian-binary": b"2.0\n",
        "control.tar.gz": tar_gz({"./control": control}),
        "data.tar.gz": tar_gz({"./tiny": b"tiny\n"}),
    }.items():
        ar += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode() + content + b"\n" * (len(content) % 2)
    FILES["/apt/./tiny.deb"] = ("application/octet-stream", ar)
    index = control + f"Filename: ./tiny.deb\nSize: {len(ar)}\nSHA256: {sha256(ar)}\n\n".encode()
    FILES["/apt/./Packages"] = ("text/plain", index)


def wheel():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        about = "tiny-1.dist-info/"
        archive.writestr("tiny.py", "said = 'tiny'\n")
        archive.writestr(about + "METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1\n")
        archive.writestr(about + "WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(about + "RECORD", f"tiny.py,,\n{about}METADATA,,\n{about}WHEEL,,\n{about}RECORD,,\n")
    name = "tiny-1-py3-none-any.whl"
    FILES["/pip/" + name] = ("application/octet-stream", packed.getvalue())
    FILES["/pip/simple/tiny/"] = ("text/html", f'<a href="/pip/{name}#sha256={sha256(packed.getvalue())}">{name}</a>'.encode())


def crate():
    manifest = b'[package]\nname = "tiny"\nversion = "1.0.0"\nedition = "2021"\n'
    packed = tar_gz({"tiny-1.0.0/Cargo.toml": manifest, "tiny-1.0.0/src/lib.rs": b"// tiny\n"})
    FILES["/cargo/dl/tiny/1.0.0/download"] = ("application/gzip", packed)
    line = {"name": "tiny", "vers": "1.0.0", "deps": [], "cksum": sha256(packed), "features": {}, "yanked": False}
    FILES["/cargo/ti/ny/tiny"] = ("text/plain", json.dumps(line).encode() + b"\n")


def image():
    layer = tar_gz({"tiny": b"tiny\n"})
    config = json.dumps({
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sha256(gzip.decompress(layer))]},
    }).encode()
    described = lambda kind, content: {"mediaType": kind, "size": len(content), "digest": "sha256:" + sha256(content)}
    docker = "application/vnd.docker."
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": docker + "distribution.manifest.v2+json",
        "config": described(docker + "container.image.v1+json", config),
        "layers": [described(docker + "image.rootfs.diff.tar.gzip", layer)],
    }).encode()
    FILES["/v2/"] = ("application/json", b"{}")
    for reference in ("1", "sha256:" + sha256(manifest)):
        FILES["/v2/tiny/manifests/" + reference] = (docker + "distribution.manifest.v2+json", manifest)
    for blob in (layer, config):
        FILES["/v2/tiny/blobs/sha256:" + sha256(blob)] = ("application/octet-stream", blob)


def repository():
    git = lambda *words: subprocess.run(["git", *words], cwd=DIRECTORY, check=True, capture_output=True)
    git("init", "--bare", "--initial-branch=main", "tiny.git")
    git("-C", "tiny.git", "config", "http.receivepack", "true")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if kind.startswith("application/vnd.docker."):
            self.send_header("Docker-Content-Digest", "sha256:" + sha256(body))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self):
        if self.headers.get("Transfer-Encoding", "") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        whole = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return whole

    def do_GET(self):
        path, _, query = self.path.partition("?")
        body = self.body()
        if path in FILES:
            self.answer(200, *FILES[path])
        elif path.startswith("/git/"):
            self.git(path[4:], query, body)
        elif path == "/npm/tiny":
            packed = tar_gz({"package/package.json": b'{"name": "tiny", "version": "1.0.0"}'})
            FILES["/npm/tiny.tgz"] = ("application/octet-stream", packed)
            integrity = "sha512-" + base64.b64encode(hashlib.sha512(packed).digest()).decode()
            dist = {"tarball": f"https://{self.headers['Host']}/npm/tiny.tgz", "integrity": integrity}
            version = {"name": "tiny", "version": "1.0.0", "dist": dist}
            found = {"name": "tiny", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
            self.answer(200, "application/json", json.dumps(found).encode())
        elif path == "/cargo/config.json":
            config = {"dl": f"https://{self.headers['Host']}/cargo/dl"}
            self.answer(200, "application/json", json.dumps(config).encode())
        elif path == "/api/v3/user":
            self.answer(200, "application/json", b'{"login": "tiny"}')
        elif path == "/events":
            self.events(int(query))
        elif path == "/socket":
            self.socket()
        elif path.startswith(("/v1/", "/api/")):
            self.api(body)
        else:
            self.answer(404, "text/plain", b"no\n")

    do_POST = do_HEAD = do_GET

    def git(self, path, query, body):
        env = os.environ | {
            "GIT_PROJECT_ROOT": DIRECTORY, "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path, "QUERY_STRING": query,
            "REQUEST_METHOD": self.command, "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)), "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""), "REMOTE_USER": "tiny",
        }
        said = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True).stdout
        head, _, body = said.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().splitlines())
        self.answer(int(fields.get("Status", "200").split()[0]), fields.get("Content-Type", "text/plain"), body)

    def events(self, seconds):
        # one a second, and the connection is silent between
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for number in range(seconds):
            self.wfile.write(f"data: {number}\n\n".encode())
            self.wfile.flush()
            time.sleep(1)
        self.wfile.write(b"data: end\n\n")
        self.close_connection = True

    def socket(self):
        magic = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(magic.encode()).digest()).decode())
        self.end_headers()
        self.close_connection = True
        while head := self.rfile.read(2):
            kind, length = head[0] & 15, head[1] & 127
            mask = self.rfile.read(4)
            text = bytes(byte ^ mask[at % 4] for at, byte in enumerate(self.rfile.read(length)))
            self.wfile.write(bytes([0x80 | kind, len(text)]) + text)
            if kind == 8:
                return

    def api(self, body):
        stub = http.client.HTTPConnection(urllib.parse.urlsplit(API).netloc)
        kept = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "transfer-encoding")}
        stub.request(self.command, self.path, body, kept | {"Content-Length": str(len(body))})
        said = stub.getresponse()
        self.answer(said.status, said.headers.get("Content-Type", "text/plain"), said.read())


def http2(stream):
    def send(kind, flags, number, content):
        stream.sendall(struct.pack(">I", len(content))[1:] + struct.pack(">BBI", kind, flags, number) + content)

    def read(length):
        whole = b""
        while len(whole) < length:
            some = stream.recv(length - len(whole))
            if not some:
                raise EOFError
            whole += some
        return whole

    literal = lambda name, value: bytes([0, len(name)]) + name + bytes([len(value)]) + value
    read(24)
    send(4, 0, 0, b"")
    bodies = {}
    while True:
        head = read(9)
        length, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
        number, content = int.from_bytes(head[5:], "big") & 0x7FFFFFFF, read(length)
        if kind == 4 and not flags & 1:
            send(4, 1, 0, b"")
        elif kind == 6 and not flags & 1:
            send(6, 1, 0, content)
        elif kind == 1:
            bodies[number] = b""
        elif kind == 0:
            bodies[number] += content
        if kind in (0, 1) and flags & 1:
            send(1, 4, number, b"\x88" + literal(b"content-type", b"application/grpc"))
            send(0, 0, number, bodies.pop(number) or b"hello\n")
            send(1, 5, number, literal(b"grpc-status", b"0"))


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads, request_queue_size = True, True, 128

    def handle_error(self, *_):
        pass


def tls(*protocols):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, KEY)
    context.set_alpn_protocols(protocols)
    return context


class Secure(Server):
    first, second = tls("http/1.1"), tls("h2")

    def finish_request(self, stream, client):
        stream = self.first.wrap_socket(stream, server_side=True)
        if stream.selected_alpn_protocol() == "h2":
            http2(stream)
        else:
            Handler(stream, client, self)
        stream.close()


def by_name(stream, name, _):
    if name and name.startswith("h2"):
        stream.context = Secure.second


Secure.first.sni_callback = by_name
for make in (deb, wheel, crate, image, repository):
    make()
servers = [Server((ADDRESS, 80), Handler), Secure((ADDRESS, 443), Handler)]
for server in servers:
    threading.Thread(target=server.serve_forever).start()
print("listens", flush=True)
