"""What bench.py measures with: a server with Debian's defaults (fsync on), fresh databases, runs that are timed."""

import contextlib
import os
import pathlib
import platform
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PG_BIN = pathlib.Path("/usr/lib/postgresql/15/bin")
PASSWORD = "kUd3vQ"  # no word: where a status says it, it is scrubbed


def as_postgres(argv):
    """PostgreSQL's server refuses root."""
    if os.getuid() != 0:
        return [str(word) for word in argv]
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--", *map(str, argv)]


def cache():
    if os.environ.get("DBM_CACHE"):
        return pathlib.Path(os.environ["DBM_CACHE"])
    if os.getuid() == 0:
        return pathlib.Path("/var/cache/dbm")
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "dbm"


class Run:
    """How one program went: seconds of wall clock, its own largest resident set in MiB, seconds of processor time it
    took and had the server take."""

    def __init__(self, seconds, rss_mib, cpu=0.0, server_cpu=0.0):
        self.seconds = seconds
        self.rss_mib = rss_mib
        self.cpu = cpu
        self.server_cpu = server_cpu


class PeakMemory:
    """The largest resident set of a process, read while it lives: what wait4 tells counts ours before the exec too."""

    def __init__(self, pid):
        self.pid = pid
        self.mib = 0.0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self):
        while True:
            try:
                with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
                    for line in status:
                        if line.startswith("VmHWM:"):
                            self.mib = max(self.mib, int(line.split()[1]) / 1024)
            except (OSError, ValueError):
                return
            if self.ended.wait(0.005):
                return

    def stop(self):
        self.ended.set()
        self.thread.join()
        return self.mib


def timed(argv, environment=None, folder=None):
    """Runs a program to its end. Anything but exit code 0 ends the bench: a figure of a failure is worth nothing."""
    with tempfile.TemporaryFile() as output:
        start = time.monotonic()
        process = subprocess.Popen([str(word) for word in argv], cwd=folder, stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})})
        memory = PeakMemory(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - start
        peak = memory.stop()
        if process.returncode != 0:
            output.seek(0)
            words = output.read()[-2000:].decode(errors="replace")
            raise RuntimeError(f"{argv[0]} ended with {process.returncode}: {words}")
    return Run(seconds, peak, usage.ru_utime + usage.ru_stime)


class Server:
    """A throw-away PostgreSQL 15, as a context manager."""

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dbm-bench-"))
        self.folder.chmod(0o755)
        self.data = self.folder / "server" / "data"
        self.data.parent.mkdir(mode=0o700)
        if os.getuid() == 0:
            shutil.chown(self.data.parent, "postgres", "postgres")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        subprocess.run(as_postgres([PG_BIN / "initdb", "-D", self.data, "-U", "postgres", "--auth-local=trust",
                                    "--auth-host=scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--no-instructions"]),
                       check=True, stdout=subprocess.DEVNULL)
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as conf:
            conf.write(f"listen_addresses = '127.0.0.1'\nport = {self.port}\n"
                       f"unix_socket_directories = '{self.data.parent}'\n")
        self._control("-w", "start")
        self.count = 0
        self.auxiliaries = self._children(self.postmaster())
        self.admin(f"CREATE ROLE app LOGIN PASSWORD '{PASSWORD}'")
        return self

    def __exit__(self, *_):
        self._control("-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _control(self, *words):
        subprocess.run(as_postgres([PG_BIN / "pg_ctl", "-D", self.data, "-l", self.data.parent / "log", "-s", *words]),
                       check=True, cwd="/")

    def admin(self, text, database="postgres"):
        return subprocess.run(as_postgres([PG_BIN / "psql", "-X", "-At", "-v", "ON_ERROR_STOP=1", "-h", self.data.parent,
                                           "-p", self.port, "-U", "postgres", "-d", database, "-c", text]),
                              check=True, capture_output=True, text=True, cwd="/").stdout.strip()

    def url(self, database, port=None):
        return f"postgres://app:{PASSWORD}@127.0.0.1:{port or self.port}/{database}"

    def fresh(self, setup=None):
        """A new database owned by the login; `setup` runs in it first. Everything is on disk before the clock starts."""
        self.count += 1
        name = f"bench{self.count}"
        self.admin(f"CREATE DATABASE {name} OWNER app")
        if setup:
            timed([PG_BIN / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.url(name), "-c", setup])
        self.admin("CHECKPOINT")
        return name

    def cpu(self):
        """Seconds of processor time of all backends that have ended; waits for those that are about to."""
        postmaster = self.postmaster()
        end = time.monotonic() + 2
        while time.monotonic() < end and self._children(postmaster) > self.auxiliaries:
            time.sleep(0.002)
        fields = pathlib.Path(f"/proc/{postmaster}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")

    def postmaster(self):
        return int((self.data / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])

    @staticmethod
    def _children(pid):
        return len(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split())

    @contextlib.contextmanager
    def on_one_core(self):
        """While it lasts new backends run on one processor, its first; gives the words that put a client there too."""
        postmaster, core = self.postmaster(), min(os.sched_getaffinity(0))
        before = os.sched_getaffinity(postmaster)
        os.sched_setaffinity(postmaster, {core})
        try:
            yield ["taskset", "-c", core]
        finally:
            os.sched_setaffinity(postmaster, before)

    def drop(self, name):
        self.admin(f"DROP DATABASE {name} WITH (FORCE)")


class SlowLink:
    """The proxy of tests/support with a delay each way, as a context manager."""

    def __init__(self, program, server, microseconds):
        self.argv = [str(program), str(server.port), str(microseconds)]

    def __enter__(self):
        self.process = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def trips(self):
        """Round trips since it was last asked."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline().split()[0])


def median(runs):
    def middle(what):
        return statistics.median(getattr(run, what) for run in runs)

    return Run(middle("seconds"), max(run.rss_mib for run in runs), middle("cpu"), middle("server_cpu"))


def machine():
    """One line: processor, number of processors, kernel, date."""
    model = platform.machine()
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    version = subprocess.run([PG_BIN / "postgres", "--version"], capture_output=True, text=True, check=True).stdout.split()[2]
    return f"{os.cpu_count()} × {model}, Linux {platform.release()}, PostgreSQL {version}, {time.strftime('%Y-%m-%d')}"
