# Asks the web for each "kind to name" of its arguments: opens a connection to a host (`to`), and asks on it for `name`;
# `-` is no name. Prints a line for each with what came of it.
import concurrent.futures, socket, ssl, sys, time


def http(to, name):
    s = socket.create_connection((to, 80), 5)
    host = "" if name == "-" else f"Host: {name}\r\n"
    s.sendall(f"GET / HTTP/1.1\r\n{host}Connection: close\r\n\r\n".encode())
    return status(s)


def twice(to, name):
    # two requests of one connection: the first is for whom it was opened
    s = socket.create_connection((to, 80), 5)
    for host in (to, name):
        s.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        first = status(s)
    return first


def https(to, name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    s = socket.create_connection((to, 443), 5)
    s = context.wrap_socket(s, server_hostname=None if name == "-" else name)
    s.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
    return status(s)


def quic(to, _):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(3)
    s.connect((to, 443))
    s.send(b"x" * 1200)
    s.recv(4)
    return "answered"


def other(to, _):
    s = socket.create_connection((to, 8443), 5)
    return "open"


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
