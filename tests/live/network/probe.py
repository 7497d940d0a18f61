# Tries each "protocol address port" of its arguments at once and prints one line for each: reached or not.
# The address "gateway" is that of the default route.
import concurrent.futures, errno, os, socket, struct, sys, time


def tcp(address, port):
    s = socket.create_connection((address, port), 2)
    return s.recv(4) == b"here"


def udp(address, port, payload=b"x"):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(0.7)
    s.connect((address, port))
    # one may be lost while the container's own network daemon takes over
    for _ in range(3):
        s.send(payload)
        try:
            return s.recv(4) == b"here"
        except TimeoutError:
            pass
    return False


def fragments(address, port):
    return udp(address, port, b"x" * 2000)


def icmp(address, _):
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    s.settimeout(1)
    echo = struct.pack("!BBHHH", 8, 0, 0, os.getpid() & 0xFFFF, 1)
    total = sum(struct.unpack("!4H", echo))
    check = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    s.sendto(echo[:2] + struct.pack("!H", check) + echo[4:], (address, 0))
    while True:
        data, (source, _) = s.recvfrom(1024)
        if source == address and data[20] == 0:
            return True


def spoofed(address, port):
    # a source address that is not the container's own
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IP, 15, 1)  # IP_FREEBIND
    s.settimeout(1)
    s.bind((os.environ["SPOOF"], 0))
    s.connect((address, port))
    s.send(b"x")
    return s.recv(4) == b"here"


def ask(name, kind, transport, klass=1):
    # whether the network's own name server has an answer
    query = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    query = struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + query + b"\0" + struct.pack(">HH", kind, klass)
    server = next(line.split()[1] for line in open("/etc/resolv.conf") if line.startswith("nameserver"))
    for _ in range(3):
        try:
            if transport == "tcp":
                s = socket.create_connection((server, 53), 1)
                s.sendall(struct.pack(">H", len(query)) + query)
                reply = s.recv(4096)[2:]
            else:
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                s.settimeout(1)
                s.connect((server, 53))
                s.send(query)
                reply = s.recv(4096)
        except TimeoutError:
            continue
        return reply[3] & 15 == 0 and reply[6:8] != b"\0\0"
    return False


def name(name, kind):
    return ask(name, kind, "udp")


def name_by_tcp(name, kind):
    return ask(name, kind, "tcp")


def chaos(name, kind):
    return ask(name, kind, "udp", 3)


def web(name, port):
    # a request for a name, to where that leads
    s = socket.create_connection((name, port), 2)
    s.settimeout(4)
    s.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
    answer = b""
    while some := s.recv(4096):
        answer += some
    return answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"here")


def gateway():
    routes = [line.split() for line in open("/proc/net/route")]
    return next(socket.inet_ntoa(struct.pack("<I", int(route[2], 16))) for route in routes if route[1] == "00000000")


def probe(line):
    protocol, address, port = line.split()
    end = time.monotonic() + 3
    while True:
        try:
            return globals()[protocol](gateway() if address == "gateway" else address, int(port))
        except StopIteration:
            again = True
        except OSError as error:
            # a container that boots may be without a route while its own network daemon takes over
            again = error.errno in (errno.ENETUNREACH, errno.EADDRNOTAVAIL)
        if not again or time.monotonic() > end:
            return False
        time.sleep(0.05)


with concurrent.futures.ThreadPoolExecutor(64) as pool:
    for line, reached in zip(sys.argv[1:], pool.map(probe, sys.argv[1:])):
        print(line, "reached" if reached else "not")
