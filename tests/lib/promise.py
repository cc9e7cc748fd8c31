"""How promises of a file system are asked: what posix.py and arrives.py are written with.

NAME.py FOLDER AGENT SANDBOX PATH: FOLDER is on the mount, PATH the same folder in the sandbox, AGENT its
far end (static or sh). TAP without numbers. Each check is a function whose name is the promise; its
docstring, if any, says more. ONLY in the environment: those whose name has that in it.
"""
import ctypes, errno, os, subprocess, sys, time

F, AGENT, SANDBOX, PATH = sys.argv[1:5]
only = os.environ.get("ONLY", "")
BIG = os.environ.get("SBX_BIG", "1") == "1"
libc = ctypes.CDLL(None, use_errno=True)
ROOT = F[:len(F) - len(PATH)]  # the sandbox's own root
checks = []


class Skip(Exception):
    pass


def check(f):
    checks.append(f)
    return f


def static(f):
    """A promise that agent.sh does not make: proto.h says so."""
    return check(f) if AGENT == "static" else f


def told():
    fd = os.open(os.path.dirname(ROOT) + "/runs/new", os.O_RDWR)
    number = os.read(fd, 32).split()[0].decode()
    os.write(fd, b":")
    os.close(fd)
    with open(os.path.dirname(ROOT) + "/runs/%s/exit" % number) as f:
        assert f.read() == "0\n"


def inside(script):
    """The script's output, run by the sandbox itself. Its changes are seen here by then.

    On a busy machine it may go by a connection of its own: then the static agent tells of them within one round
    trip, and a run of this mount ends behind that.
    """
    r = subprocess.run(["kubectl-sbx", "run", SANDBOX, "--", "sh", "-c", "cd %s && %s" % (PATH, script)],
                       capture_output=True, timeout=120)
    if r.returncode:
        raise AssertionError("inside: %s: %s" % (script, r.stderr.decode(errors="replace")))
    if AGENT == "static":
        told()
    return r.stdout.decode("latin-1").rstrip("\n")


def p(name):
    return os.path.join(F, name)


def put(name, data=b"", mode=0o644):
    fd = os.open(p(name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        while data:
            data = data[os.write(fd, data):]
    finally:
        os.close(fd)


def get(name):
    with open(p(name), "rb", buffering=0) as f:
        return f.read()


def same(got, wanted):
    assert got == wanted, "got %.200r, wanted %.200r" % (got, wanted)


def fails(code, call, *args, **more):
    try:
        r = call(*args, **more)
    except OSError as e:
        assert e.errno == code, "%s, wanted %s" % (errno.errorcode[e.errno], errno.errorcode[code])
        return
    raise AssertionError("no error, wanted %s; got %r" % (errno.errorcode[code], r))


def until(what, s=20):
    end = time.monotonic() + s
    while not what():
        assert time.monotonic() < end, "not within %d s" % s
        time.sleep(0.02)


def renameat2(old, new, flags):
    if libc.renameat2(-100, p(old).encode(), -100, p(new).encode(), flags):
        raise OSError(ctypes.get_errno(), "renameat2")


def fallocate(fd, mode, at, n):
    if libc.fallocate(fd, mode, ctypes.c_long(at), ctypes.c_long(n)):
        raise OSError(ctypes.get_errno(), "fallocate")


def clean():
    inside("rm -rf ./* ./.[!.]*; find . -mindepth 1 -delete 2>/dev/null; :")
    until(lambda: not os.listdir(F))


def line_of(e, file):
    """The last line of file that e came through, but for those that only compare."""
    at = e.__traceback__
    while at.tb_next and at.tb_next.tb_frame.f_code.co_filename == file:
        at = at.tb_next
    return at.tb_lineno


def ask_all(file):
    failed = 0
    for c in checks:
        name = c.__name__.replace("_", " ")
        if only and only not in name:
            continue
        try:
            c()
        except Skip as e:
            print("ok - %s # SKIP %s" % (name, e))
        except Exception as e:
            print("not ok - %s\n# line %d: %s: %s" % (name, line_of(e, file), type(e).__name__, e))
            failed += 1
        else:
            print("ok - %s" % name)
        sys.stdout.flush()
        clean()
    sys.exit(failed > 0)
