# Asks the web for each "kind to name" of its arguments: opens a connection to a host (`to`), and asks on it for `name`;
# `-` is no name, and some kinds ask for two. Prints a line for each with what came of it.
import concurrent.futures, socket, ssl, struct, sys, time


def http(to, name):
    s = socket.create_connection((to, 80), 5)
    host = "" if name == "-" else f"Host: {name}\r\n"
    s.sendall(f"GET / HTTP/1.1\r\n{host}Connection: close\r\n\r\n".encode())
    return status(s)


def twice(to, names):
    # two requests of one connection, for one name and then for another
    s = socket.create_connection((to, 80), 5)
    outcomes = []
    for host in names.split(","):
        s.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        outcomes.append(status(s))
    return " ".join(outcomes)


def https(to, name):
    s = socket.create_connection((to, 443), 5)
    s = unchecked().wrap_socket(s, server_hostname=None if name == "-" else name)
    s.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
    return status(s)


def quic(to, _):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(3)
    s.connect((to, 443))
    s.send(b"x" * 1200)
    s.recv(4)
    return "answered"


def connect(to, name):
    # a tunnel to the host and port
    s = socket.create_connection((to, 80), 5)
    s.sendall(f"CONNECT {name} HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
    return status(s)


def tunnelled(to, names):
    # TLS for the second name in a tunnel that was opened for the first
    opened, name = names.split(",")
    s = socket.create_connection((to, 80), 5)
    s.sendall(f"CONNECT {opened}:443 HTTP/1.1\r\nHost: {opened}:443\r\n\r\n".encode())
    if status(s) != "200":
        return "no tunnel"
    s = unchecked().wrap_socket(s, server_hostname=name)
    s.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
    return status(s)


def absolute(to, names):
    # a target that is for the first name, and a header that is for the second
    target, name = names.split(",")
    s = socket.create_connection((to, 80), 5)
    s.sendall(f"GET http://{target}/ HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
    return status(s)


def smuggled(to, names):
    # one request for the first name to who counts bytes; to who reads chunks, one for the second name behind it
    first, second = names.split(",")
    inner = f"GET / HTTP/1.1\r\nHost: {second}\r\n\r\n"
    body = f"0\r\n\r\n{inner}"
    s = socket.create_connection((to, 80), 5)
    head = f"POST / HTTP/1.1\r\nHost: {first}\r\nContent-Length: {len(body)}\r\nTransfer-Encoding: chunked\r\n\r\n"
    s.sendall((head + body).encode())
    return status(s)


def pieces(to, name):
    # every byte of the hello in a packet of its own
    def send(s, hello):
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in hello:
            s.sendall(bytes([byte]))

    return by_hand(to, name, send)


def records(to, name):
    # the hello over two records, which part within the name
    def send(s, hello):
        at = hello.index(name.encode()) + 2
        s.sendall(hello[:3] + struct.pack(">H", at - 5) + hello[5:at])
        time.sleep(0.05)
        s.sendall(hello[:3] + struct.pack(">H", len(hello) - at) + hello[at:])

    return by_hand(to, name, send)


def ech(to, name):
    # a hello with an extension that may hide another name; whoever does not know it takes it for any other one
    def send(s, hello):
        more = struct.pack(">HHBHHBHH", 0xFE0D, 10 + 16, 0, 1, 1, 7, 0, 16) + bytes(16)
        hello = bytearray(hello + more)
        sessions = 5 + 4 + 2 + 32
        ciphers = sessions + 1 + hello[sessions]
        compressions = ciphers + 2 + int.from_bytes(hello[ciphers : ciphers + 2], "big")
        extensions = compressions + 1 + hello[compressions]
        for at, size in ((3, 2), (6, 3), (extensions, 2)):
            hello[at : at + size] = (int.from_bytes(hello[at : at + size], "big") + len(more)).to_bytes(size, "big")
        s.sendall(hello)

    return by_hand(to, name, send)


def by_hand(to, name, send):
    # begins TLS with a hello that is sent in a way of its own; what kind of record answers
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = unchecked().wrap_bio(incoming, outgoing, server_hostname=name)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    s = socket.create_connection((to, 443), 5)
    send(s, outgoing.read())
    s.settimeout(8)
    return {b"\x15": "alert", b"\x16": "handshake", b"": "closed"}[s.recv(1)]


def door(to, name):
    # the port of a bridge's own address to which TLS is sent
    s = socket.create_connection((to, 28443), 5)
    s = unchecked().wrap_socket(s, server_hostname=name)
    s.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
    return status(s)


def spoofed(to, names):
    # as if another address of the network asked; it is on the loopback, so that it is this machine's
    source, name = names.split(",")
    s = socket.create_connection((to, 80), 5, (source, 0))
    s.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
    return status(s)


def dns(to, name):
    return dns_answer(to, name, socket.SOCK_DGRAM)


def dns_by_tcp(to, name):
    return dns_answer(to, name, socket.SOCK_STREAM)


def dns_answer(to, name, kind):
    # asks a name server that is not the network's own
    query = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    query = struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + query + b"\0" + struct.pack(">HH", 16, 1)
    s = socket.socket(socket.AF_INET, kind)
    s.settimeout(3)
    s.connect((to, 53))
    s.sendall(query if kind == socket.SOCK_DGRAM else struct.pack(">H", len(query)) + query)
    return "answered" if s.recv(4096) else "closed"


def dns_by_tls(to, _):
    socket.create_connection((to, 853), 5)
    return "open"


def protocol(to, number):
    # a packet of another protocol than TCP or UDP, and whether it comes back
    number = int(number)
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, number)
    s.settimeout(2)
    s.connect((to, 0))
    # of ICMP it is an echo request
    packet = struct.pack(">BBHHH", 8, 0, 0xF7FE, 1, 0) if number == 1 else b"cci-marked-" + bytes(8)
    try:
        s.send(packet)
        while True:
            data = s.recv(4096)[20:]
            if data == packet or number == 1 and data[0] == 0:
                return "answered"
    except (ConnectionRefusedError, TimeoutError):
        # how many refusals a host sends is limited
        return "nothing"


def other(to, _):
    s = socket.create_connection((to, 8443), 5)
    return "open"


def unchecked():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def status(s):
    s.settimeout(8)
    head = b""
    while b"\r\n\r\n" not in head:
        some = s.recv(4096)
        if not some:
            return "closed"
        head += some
    head, _, body = head.partition(b"\r\n\r\n")
    length = [int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while length and len(body) < length[0]:
        body += s.recv(4096)
    return head.split(b" ")[1].decode()


def ask(line):
    kind, to, name = line.split()
    end = time.monotonic() + 3
    while True:
        try:
            return globals()[kind](to, name)
        except ssl.SSLError as error:
            # OpenSSL names an alert by the protocol that it is of
            return "alert" if str(error.reason).startswith(("TLSV1", "SSLV3")) else str(error)
        except socket.gaierror:
            return "unknown"
        except ConnectionRefusedError:
            return "refused"
        except ConnectionResetError:
            return "reset"
        except TimeoutError:
            return "silence"
        except OSError as error:
            # a container that boots may be without a route while its own network daemon takes over
            if time.monotonic() > end:
                return str(error)
        time.sleep(0.05)


with concurrent.futures.ThreadPoolExecutor(32) as pool:
    for line, outcome in zip(sys.argv[1:], pool.map(ask, sys.argv[1:])):
        print(f"{line}: {outcome}")
