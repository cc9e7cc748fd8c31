"""What is written arrives, or its writer is told; what is read is what is there: promise.py says how."""
import errno, hashlib, os, random, subprocess, sys

from promise import (F, PATH, ROOT, Skip, ask_all, check, fails, get, inside, p, put, same,
                     static, until)


# --- 2: coherence -------------------------------------------------------------------------------

@check
def what_is_written_is_read_back_before_it_is_closed():
    a = os.open(p("f"), os.O_CREAT | os.O_WRONLY)
    b = os.open(p("f"), os.O_RDONLY)
    for i in range(20):
        os.pwrite(a, b"%04d" % i, 4 * i)
        same(os.pread(b, 4, 4 * i), b"%04d" % i)
        same(os.stat(p("f")).st_size, 4 * i + 4)
    os.close(a), os.close(b)


@check
def what_was_closed_here_is_there_inside():
    for i in range(3):
        put("f", b"round %d" % i)
        same(inside("cat f"), "round %d" % i)


@check
def what_was_closed_inside_is_there_when_it_is_opened_here():
    """Also when neither its size nor the second has changed."""
    for i in range(4):
        inside("printf 'round %d' >f" % i)
        same(get("f"), b"round %d" % i)


@static
def what_changes_inside_is_told():
    put("f", b"1"), os.stat(p("f"))
    fails(errno.ENOENT, os.stat, p("new"))
    inside("echo more >>f; : >new; chmod 600 f")
    until(lambda: os.stat(p("f")).st_size == 6 and os.stat(p("f")).st_mode & 0o777 == 0o600)
    until(lambda: os.path.exists(p("new")))
    inside("rm new")
    until(lambda: not os.path.exists(p("new")))


@check
def a_file_that_shrinks_is_never_padded():
    data = random.Random(2).randbytes(400_000).replace(b"\0", b"\1")
    put("f", data)
    fd = os.open(p("f"), os.O_RDONLY)
    same(os.pread(fd, 400_000, 0), data)
    inside("head -c 10 f >g && cat g >f")
    same(get("f"), data[:10])
    assert b"\0" not in os.pread(fd, 400_000, 0)
    os.close(fd)
    fd = os.open(p("f"), os.O_RDONLY)
    same(os.pread(fd, 400_000, 0), data[:10])
    os.close(fd)


@check
def a_file_that_grows_is_never_cut():
    put("f", b"short")
    same(get("f"), b"short")
    for i in range(3):
        inside("i=0; while [ $i -lt 2000 ]; do echo 0123456789; i=$((i + 1)); done >>f")
        same(len(get("f")), 5 + 22000 * (i + 1))


@check
def a_runs_end_makes_its_changes_visible():
    box = F[:len(F) - len(PATH) - 3]
    put("f", b"old")
    for i in range(3):
        os.stat(p("f")), os.listdir(F)
        with open(box + "/cmd", "w") as f:
            f.write("cd %s; echo run %d >f; mkdir d%d\n" % (PATH, i, i))
        with open(box + "/exit") as f:
            same(f.read(), "0\n")
        same(os.stat(p("f")).st_size, 6)
        assert os.path.isdir(p("d%d" % i))
        same(get("f"), b"run %d\n" % i)


# --- 4: no silent loss ----------------------------------------------------------------------------

def full(folder):
    """A folder of the sandbox on a small disk, with 3 MiB of room: not for one WRITER's file, should it be first."""
    inside("df -Pk /dev/shm >/dev/null && mkdir -p %s" % folder)
    room = int(inside("df -Pk /dev/shm | tail -1 | awk '{print $4}'"))
    if room > 200_000:
        raise Skip("/dev/shm is large here")
    if room > 3072:
        inside("head -c %d /dev/zero >%s/fill" % ((room - 3072) * 1024, folder))


WRITER = """
import errno, os, random, sys
path, syncs = sys.argv[1], sys.argv[2] == "1"
data = random.Random(path[-1])
fd = os.open(path, os.O_CREAT | os.O_WRONLY)
synced = 0
try:
    for i in range(1, 65):
        os.write(fd, data.randbytes(65536))
        if syncs and i % 4 == 0:
            os.fsync(fd)
            synced = i * 65536
    os.close(fd)
except OSError as e:
    print(errno.errorcode[e.errno], synced)
else:
    print("fine", synced)
"""


@check
def a_full_disk_is_told_to_each_of_eight_writers():
    """By close at the latest, whether they sync or not; what was synced is there, byte for byte."""
    full("/dev/shm/full")
    try:
        procs = [subprocess.Popen([sys.executable, "-c", WRITER, "%s/dev/shm/full/w%d" % (ROOT, i), str(i % 2)],
                                  stdout=subprocess.PIPE) for i in range(8)]
        said = [x.communicate(timeout=120)[0].decode().split() for x in procs]
        same([s[0] for s in said], ["ENOSPC"] * 8)
        for i, (_, n) in enumerate(said):
            wanted = random.Random(str(i)).randbytes(int(n))
            sums = inside("head -c %s </dev/shm/full/w%d | sha256sum" % (n, i)).split()
            same(sums[0], hashlib.sha256(wanted).hexdigest())
            with open("%s/dev/shm/full/w%d" % (ROOT, i), "rb") as f:
                assert f.read(int(n)) == wanted, "w%d" % i
    finally:
        inside("rm -rf /dev/shm/full")


@check
def what_did_not_arrive_replaces_nothing():
    root = ROOT + "/dev/shm/full"
    full("/dev/shm/full")
    try:
        inside("echo good >/dev/shm/full/f; cat /dev/zero >/dev/shm/full/fill2 2>/dev/null || :")
        fd = os.open(root + "/tmp", os.O_CREAT | os.O_WRONLY)
        try:
            os.write(fd, b"x" * 1_000_000)
        except OSError as e:
            same(e.errno, errno.ENOSPC)
        else:
            fails(errno.ENOSPC, os.rename, root + "/tmp", root + "/f")
        same(inside("cat /dev/shm/full/f"), "good")
        try:
            os.close(fd)
        except OSError as e:
            same(e.errno, errno.ENOSPC)
    finally:
        inside("rm -rf /dev/shm/full")


@check
def a_read_only_disk_says_so():
    for folder in ("/sys", "/proc/sys", "/sys/fs/cgroup"):
        if "ead-only" in inside("mkdir %s/x 2>&1 || :" % folder):
            fails(errno.EROFS, os.mkdir, ROOT + folder + "/x")
            return
    raise Skip("nothing is read-only in this sandbox")


@check
def a_file_too_large_says_so():
    if "EFBIG" not in inside("truncate -s 900000000000000000 big 2>&1 | grep -q 'too large' && echo EFBIG || echo no"):
        raise Skip("no file is too large for this disk, or no truncate")
    fd = os.open(p("f"), os.O_CREAT | os.O_WRONLY)

    def both(change, *args):
        change(*args)
        os.fsync(fd)
    fails(errno.EFBIG, both, os.ftruncate, fd, 900_000_000_000_000_000)
    fails(errno.EFBIG, both, os.pwrite, fd, b"x", 900_000_000_000_000_000)
    os.close(fd)


ask_all(__file__)
