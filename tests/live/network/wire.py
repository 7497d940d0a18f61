# Frames by hand. "hear DEVICE FILE": prints each kind of marked frame that comes by until the file is there.
# "router DEVICE": says to everybody that this is a router, and which addresses are its network's.
# "send OWN PEER GATEWAY PEER-MAC": sends them to everybody, to the peer and to the bridge, in the name of the gateway too.
import os, socket, struct, sys

MARK = b"cci-marked-"


def hear(device, enough):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.bind((device, 0))
    s.settimeout(0.2)
    open(enough + ".hears", "w")
    heard = set()
    while not os.path.exists(enough):
        try:
            frame = s.recv(4096)
        except TimeoutError:
            continue
        if MARK in frame:
            heard.add(frame.split(MARK)[1][:3].decode())
    print(*sorted(heard))


def ip(source, target, data):
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(data), 1, 0, 64, 253, 0) + source + target
    total = sum(struct.unpack(">10H", head))
    return head[:10] + struct.pack(">H", ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF) + head[12:] + data


def send(own, peer, gateway, peer_mac):
    own, peer, gateway = map(socket.inet_aton, (own, peer, gateway))
    mac = lambda text: bytes.fromhex(text.replace(":", ""))
    mine = mac(open("/sys/class/net/eth0/address").read().strip())
    arp = lambda source: struct.pack(">HHBBH", 1, 0x800, 6, 4, 2) + mine + source + mac(peer_mac) + peer
    six = struct.pack(">IHBB", 0x60000000, 14, 59, 64) + socket.inet_pton(socket.AF_INET6, "fe80::1")
    frames = {
        b"ip4": b"\x08\x00" + ip(own, peer, MARK + b"ip4"),
        b"lie": b"\x08\x00" + ip(gateway, peer, MARK + b"lie"),
        b"ip6": b"\x86\xdd" + six + socket.inet_pton(socket.AF_INET6, "ff02::1") + MARK + b"ip6",
        b"arp": b"\x08\x06" + arp(own) + MARK + b"arp",
        b"gwy": b"\x08\x06" + arp(gateway) + MARK + b"gwy",
        b"odd": b"\x88\xb5" + MARK + b"odd" + bytes(40),
        b"tag": b"\x81\x00\x00\x05\x08\x00" + ip(own, peer, MARK + b"tag"),
    }
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind(("eth0", 0))
    for target in (b"\xff" * 6, mac(peer_mac)):
        for frame in frames.values():
            for _ in range(3):
                s.send(target + mine + frame)


def router(device):
    mine = bytes.fromhex(open(f"/sys/class/net/{device}/address").read().strip().replace(":", ""))
    source, everybody = (socket.inet_pton(socket.AF_INET6, address) for address in ("fe80::bad", "ff02::1"))
    prefix = struct.pack(">BBBBIII", 3, 4, 64, 0xC0, 3600, 3600, 0) + socket.inet_pton(socket.AF_INET6, "2001:db8:bad::")
    said = struct.pack(">BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + b"\1\1" + mine + prefix
    counted = source + everybody + struct.pack(">II", len(said), 58) + said
    total = sum(struct.unpack(f">{len(counted) // 2}H", counted))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    said = said[:2] + struct.pack(">H", ~total & 0xFFFF) + said[4:]
    six = struct.pack(">IHBB", 0x60000000, len(said), 58, 255) + source + everybody
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((device, 0))
    for _ in range(3):
        s.send(bytes.fromhex("333300000001") + mine + b"\x86\xdd" + six + said)


globals()[sys.argv[1]](*sys.argv[2:])
