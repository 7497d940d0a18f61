# Takes what it can get of a gateway. Prints a line at its end.
# "many ADDRESS COUNT HELD": opens so many connections and says nothing on them; the newest stay open until /tmp/enough.
# "slow ADDRESS COUNT": begins so many hellos and heads, and goes on with each by a byte a second until it is closed.
import collections, os, resource, socket, struct, sys, time

resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)


def connected(address, port):
    s = socket.create_connection((address, port), 20)
    # its port is free again at once
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.setblocking(False)
    return s


def is_open(s):
    try:
        # an answer comes before the end
        while s.recv(65536):
            pass
        return False
    except BlockingIOError:
        return True
    except OSError:
        return False


def many(address, count, held):
    open_now, opened = collections.deque(), 0
    for number in range(int(count)):
        try:
            open_now.append(connected(address, (80, 443)[number % 2]))
            opened += 1
        except OSError:
            pass
        if len(open_now) > int(held):
            open_now.popleft().close()
    print("opened", opened, "open", sum(map(is_open, open_now)), flush=True)
    open("/tmp/holds", "w")
    while not os.path.exists("/tmp/enough"):
        time.sleep(0.1)


def slow(address, count):
    begun = [(connected(address, port), first) for port, first in ((443, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), (80, b"GET / H")) * int(count)]
    for s, first in begun:
        s.send(first)
    open("/tmp/holds", "w")
    began, left = time.monotonic(), [s for s, _ in begun]
    while left and time.monotonic() - began < 120:
        time.sleep(1)
        for s in left:
            try:
                s.send(b"\x01" if s.getpeername()[1] == 443 else b"T")
            except OSError:
                pass
        left = [s for s in left if is_open(s)]
    print("left", len(left), "after", round(time.monotonic() - began))


globals()[sys.argv[1]](*sys.argv[2:])
