# Tries each "protocol address port" of its arguments and prints one line for each: reached or not.
import os, socket, struct, sys


def tcp(address, port):
    s = socket.create_connection((address, port), 2)
    return s.recv(4) == b"here"


def udp(address, port, payload=b"x"):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(1)
    s.connect((address, port))
    s.send(payload)
    return s.recv(4) == b"here"


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


for line in sys.argv[1:]:
    protocol, address, port = line.split()
    try:
        reached = globals()[protocol](address, int(port))
    except OSError:
        reached = False
    print(line, "reached" if reached else "not")
