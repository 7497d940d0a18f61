# Asks for a host again and again until /tmp/enough is there: on connections that are kept, and on new ones. Prints how
# often it asked and how often it was not answered.
import os, socket, ssl, sys, threading, time

host = sys.argv[1]
asked, failed = [0] * 5, []
open_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
open_tls.check_hostname, open_tls.verify_mode = False, ssl.CERT_NONE


def answer(s):
    s.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    said = b""
    while not said.endswith(b"here") and b"HTTP/1.1 403" not in said:
        some = s.recv(4096)
        if not some:
            break
        said += some
    assert said.startswith(b"HTTP/1.1 200 "), said


def hello(s):
    with open_tls.wrap_socket(s, server_hostname=host) as tls:
        tls.sendall(f"GET / HTTP/1.0\r\n\r\n".encode())
        assert tls.recv(4096).startswith(b"HTTP/1.0 200 ")


def ask(number):
    kept = socket.create_connection((host, 80), 10) if number < 2 else None
    while not os.path.exists("/tmp/enough"):
        asked[number] += 1
        try:
            if kept:
                answer(kept)
            else:
                with socket.create_connection((host, 443 if number == 4 else 80), 10) as s:
                    hello(s) if number == 4 else answer(s)
        except (OSError, AssertionError) as error:
            failed.append(f"{number}: {error!r}")
            kept = kept and socket.create_connection((host, 80), 10)
        time.sleep(0.02)


threads = [threading.Thread(target=ask, args=(number,)) for number in range(5)]
for thread in threads:
    thread.start()
open("/tmp/asks", "w")
for thread in threads:
    thread.join()
print(sum(asked), len(failed), *failed[:3])
