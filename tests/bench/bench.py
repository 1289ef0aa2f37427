#!/usr/bin/env python3
"""`make bench`: every row of the table of speed, against psql and pg_dump on the same server in the same run.

Prints ratios; never fails for slowness. `--only WORD` keeps the rows whose name holds the word, `--quick` leaves out the
500 MB script. Figures go to build/bench/results.json too.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time

from testbed import PG_BIN, ROOT, Run, Server, SlowLink, cache, machine, median, timed

DBM = pathlib.Path(os.environ.get("DBM") or ROOT / "build" / "dbm")
TREE = ROOT / "build" / "bench"
GOOSE = ("goose", "github.com/pressly/goose/v3/cmd/goose@v3.30.0",
         "no_clickhouse no_libsql no_mssql no_mysql no_sqlite3 no_vertica no_ydb no_duckdb no_spanner")
TERN = ("tern", "github.com/jackc/tern/v2@v2.3.4", "")


def manifest(extra):
    return f"""apiVersion: dbmigration.dev/v1alpha1
kind: DatabaseMigration
metadata: {{name: bench, namespace: bench}}
spec:
  engine: PostgreSQL
  connection: {{secretRef: {{name: bench-db}}}}
  source: {{directory: {{path: scripts}}}}
{extra}"""


NO_BACKUP = "  backup: {method: None, reason: a bench}\n  dryRun: {mode: Plan}\n"


class Desk:
    """A folder with a manifest and scripts, in the forms of dbm, goose and tern, and one file for psql."""

    def __init__(self, folder, scripts, extra=NO_BACKUP):
        self.folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        for form in ("scripts", "goose", "tern"):
            (folder / form).mkdir(parents=True)
        (folder / "bench.yaml").write_text(manifest(extra))
        with open(folder / "all.sql", "w", encoding="utf-8") as everything:
            for number, text in enumerate(scripts, 1):
                (folder / "scripts" / f"{number:05}_step.sql").write_text(text)
                (folder / "goose" / f"{number:05}_step.sql").write_text("-- +goose Up\n" + text)
                (folder / "tern" / f"{number:05}_step.sql").write_text(text)
                everything.write(text)

    def dbm(self, url):
        return timed([DBM, "apply", "-q", "-f", "bench.yaml", "--secret", "bench-db=url:env:BENCH_URL"],
                     {"BENCH_URL": url, "XDG_STATE_HOME": str(self.folder / "state")}, self.folder)

    def psql(self, url, *more, before=()):
        return timed([*before, PG_BIN / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *more, "-d", url, "-f", self.folder / "all.sql"])

    def goose(self, url):
        return timed([tool(GOOSE), "-dir", self.folder / "goose", "postgres", url, "up"])

    def tern(self, url):
        return timed([tool(TERN), "migrate", "--migrations", self.folder / "tern", "--conn-string", url])


def tool(which):
    """The program, built into the cache when it is not there; None without Go."""
    name, module, tags = which
    path = cache() / "go" / "bin" / name
    if not path.exists() and shutil.which("go"):
        print(f"bench: building {module}", file=sys.stderr)
        path.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["go", "install", "-tags", tags, module], check=False,
                       env={**os.environ, "GOBIN": str(path.parent), "CGO_ENABLED": "0"})
    return path if path.exists() else None


class Bench:
    def __init__(self, server, arguments):
        self.server = server
        self.arguments = arguments
        self.desks = server.folder / "desks"
        self.rows = []

    def wanted(self, name):
        return all(word in name for word in self.arguments.only)

    def compare(self, runs, times, setup=None):
        """The median of each program's runs, each on a database of its own; they take turns, so that what else the
        machine does falls on all of them."""
        figures = {who: [] for who in runs}
        for _ in range(times):
            for who, run in runs.items():
                name = self.server.fresh(setup)
                server_cpu = self.server.cpu()
                figures[who].append(run(self.server.url(name)))
                figures[who][-1].server_cpu = self.server.cpu() - server_cpu
                self.server.drop(name)
        return {who: median(all_runs) for who, all_runs in figures.items()}

    def row(self, name, ours, theirs, goal, note="", others=()):
        ratio = ours.seconds / theirs.seconds if theirs else None
        beside = [f"{who} {run.seconds / theirs.seconds:.2f}" if theirs else f"{who} {run.seconds:.3f} s" for who, run in others]
        self.rows.append({"work": name, "seconds": round(ours.seconds, 4), "reference_seconds": round(theirs.seconds, 4) if theirs else None,
                          "ratio": round(ratio, 3) if ratio is not None else None, "rss_mib": round(ours.rss_mib, 1), "goal": goal,
                          "note": ", ".join(filter(None, [note, *beside]))})
        last = self.rows[-1]
        reference = f"{theirs.seconds:9.3f} s {ratio:6.2f}" if theirs else f"{'–':>11} {'–':>6}"
        print(f"{name:46} {ours.seconds:8.3f} s {reference} {ours.rss_mib:7.1f}  {goal:28} {last['note']}", flush=True)

    # ---- many small scripts ----

    def many(self, name, count, statement, setup, times, goal):
        if not self.wanted(name):
            return
        desk = Desk(self.desks / "many", [statement.format(n=n) for n in range(1, count + 1)])
        runs = {"psql": desk.psql, "dbm": desk.dbm}
        runs.update({who: run for who, which, run in (("goose", GOOSE, desk.goose), ("tern", TERN, desk.tern)) if tool(which)})
        found = self.compare(runs, times, setup)
        self.row(name, found.pop("dbm"), found.pop("psql"), goal, others=found.items())

    def nothing_to_do(self, count, goal):
        name = f"nothing to do, {count:,} applied"
        if not self.wanted(name):
            return
        desk = Desk(self.desks / "nothing", [f"INSERT INTO t VALUES ({n});\n" for n in range(1, count + 1)])
        found = {}
        for who, run, which in (("dbm", desk.dbm, None), ("goose", desk.goose, GOOSE), ("tern", desk.tern, TERN)):
            if which and not tool(which):
                continue
            database = self.server.fresh("CREATE TABLE t (i int)")
            url = self.server.url(database)
            run(url)
            found[who] = median([run(url) for _ in range(5)])
            self.server.drop(database)
        self.row(name, found.pop("dbm"), None, goal, others=found.items())

    def slow_link(self):
        name = "100 scripts over a link, 1 ms each way"
        if not self.wanted(name):
            return
        scripts = [f"CREATE TABLE t{n} (i int);\n" for n in range(1, 101)]
        with SlowLink(TREE / "tests" / "slow_link", self.server, 1000) as link:
            def trips_and_time(count, run_of):
                desk = Desk(self.desks / "link", scripts[:count])
                database = self.server.fresh()
                link.trips()
                run = run_of(desk)(self.server.url(database, link.port))
                trips = link.trips()
                self.server.drop(database)
                return run, trips

            beside = []
            for who, which, run_of in (("goose", GOOSE, lambda desk: desk.goose), ("tern", TERN, lambda desk: desk.tern)):
                if tool(which):
                    run, trips = trips_and_time(100, run_of)
                    beside.append(f"{who} {run.seconds:.2f} s, {trips / 100:.1f} trips")
            _, few = trips_and_time(1, lambda desk: desk.dbm)
            ours, all_trips = trips_and_time(100, lambda desk: desk.dbm)
        self.row(name, ours, None, "0.3 s, 0.2 trips a script", "; ".join(
            [f"{(all_trips - few) / 99:.2f} trips a script, {all_trips} in all", *beside]))

    # ---- one large script ----

    # psql sends a statement and waits for its answer, so client and backend wake each other up twice a statement.
    # Where the scheduler puts them decides what that costs. Measured on two cores of a virtual machine: 20 µs a
    # statement with both on one core, 66 µs on two that are awake (each wake-up of another core goes through the
    # hypervisor), 95 µs on two of an idle machine. psql's time for the same 100,000 INSERTs thus lies between 2.0 and
    # 9.5 s. So psql is shown on one core too, its best case, and beside the wall clock the processor time.

    def large(self, name, lines, goal, times):
        if not self.wanted(name):
            return
        folder = self.desks / "large"
        desk = Desk(folder, [])
        with open(folder / "scripts" / "00001_rows.sql", "w", encoding="utf-8") as script:
            for line in lines:
                script.write(line)
        (folder / "all.sql").unlink()
        (folder / "all.sql").hardlink_to(folder / "scripts" / "00001_rows.sql")
        size = (folder / "all.sql").stat().st_size >> 20
        setup = "CREATE TABLE t (id bigint, name text, body text)"

        def one_core(url):
            with self.server.on_one_core() as before:
                return desk.psql(url, "-1", before=before)

        found = self.compare({"psql": lambda url: desk.psql(url, "-1"), "one core": one_core, "dbm": desk.dbm}, times, setup)
        ours, theirs, near = found["dbm"], found["psql"], found["one core"]
        self.row(name, ours, theirs, goal, f"{size} MiB; to psql on one core with its backend ({near.seconds:.2f} s) "
                 f"{ours.seconds / near.seconds:.2f}; processor seconds, client + server: dbm {ours.cpu:.2f} + {ours.server_cpu:.2f}, "
                 f"psql {theirs.cpu:.2f} + {theirs.server_cpu:.2f}, on one core {near.cpu:.2f} + {near.server_cpu:.2f}")
        shutil.rmtree(folder)

    # ---- whole runs ----

    def backup(self):
        name = "backup of 340 MB, from start to COMPLETE"
        if not self.wanted(name):
            return
        rows = ("INSERT INTO {t} SELECT n, md5(n::text), md5((n * 7)::text) || md5((n * 11)::text), n / 100.0, "
                "timestamptz '2026-01-01 00:00+00' + n * interval '1 second' FROM generate_series(1, {count}) AS n")
        table = "CREATE TABLE {t} (id bigint PRIMARY KEY, code text, body text, amount numeric(12,2), at timestamptz)"
        setup = ";".join(table.format(t=t) + ";" + rows.format(t=t, count=count)
                         for t, count in (("a", 1_200_000), ("b", 500_000), ("c", 140_000)))
        database = self.server.fresh(setup)
        url = self.server.url(database)
        self.server.admin("VACUUM ANALYZE", database)
        size = int(self.server.admin(f"SELECT pg_database_size('{database}')")) >> 20
        dump = self.desks / "dump"
        self.desks.mkdir(exist_ok=True)
        theirs = median([timed([PG_BIN / "pg_dump", "-Fc", "-f", dump, "-d", url]) for _ in range(3)])
        runs = []
        for number in range(1, 4):
            desk = Desk(self.desks / "backup", [f"SELECT {n};\n" for n in range(1, number + 1)],
                        "  backup: {method: Logical, verify: Checksum}\n  dryRun: {mode: Disabled}\n")
            complete = Complete(desk.folder / "state")
            run = desk.dbm(url)
            runs.append(Run(complete.seconds(), run.rss_mib))
        self.server.drop(database)
        self.row(name, median(runs), theirs, "0.4", f"database {size} MiB; reference pg_dump -Fc, {dump.stat().st_size >> 20} MiB")

    def trivial(self):
        name = "all phases, one trivial script, small database"
        if not self.wanted(name):
            return
        desk = Desk(self.desks / "trivial", ["ALTER TABLE t ADD COLUMN note text;\n"], "")
        setup = "CREATE TABLE t (id int PRIMARY KEY, name text); INSERT INTO t SELECT n, 'x' FROM generate_series(1, 1000) n"
        ours = self.compare({"dbm": desk.dbm}, 5, setup)["dbm"]
        self.row(name, ours, None, "0.6 s", "backup, rehearsal, verification included")


class Complete:
    """When a file named COMPLETE first appeared below a folder, counted from the making of this."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.start = time.monotonic()
        self.found = None
        self.thread = threading.Thread(target=self._look, daemon=True)
        self.thread.start()

    def _look(self):
        while self.found is None and time.monotonic() < self.start + 600:
            if any("COMPLETE" in files for _, _, files in os.walk(self.folder)):
                self.found = time.monotonic() - self.start
            time.sleep(0.002)

    def seconds(self):
        self.thread.join(5)
        if self.found is None:
            raise RuntimeError("no COMPLETE appeared below the store")
        return self.found


BODY = "'a line of ordinary text that is as long as such a line is, with a quote '' in it; and a semicolon', '" + "x" * 400 + "'"


def inserts(count):
    return (f"INSERT INTO t (id, name, body) VALUES ({n}, {BODY});\n" for n in range(count))


def copy_rows(count):
    body = "a line of ordinary text that is as long as such a line is, with a quote ' in it; and a semicolon\t" + "x" * 420
    yield "COPY t (id, name, body) FROM stdin;\n"
    for n in range(count):
        yield f"{n}\t{body}\n"
    yield "\\.\n"


def build_programs():
    names = [path.stem for path in sorted((ROOT / "tests" / "bench").glob("*.cpp"))]
    subprocess.run(["cmake", "--build", TREE, "-j", "2", "--target", *names], check=True, stdout=subprocess.DEVNULL)
    return [TREE / "tests" / name for name in names if name != "slow_link"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="WORD")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server is stopped then too
    programs = build_programs()
    print(machine())
    print(f"{'work':46} {'dbm':>10} {'psql':>11} {'ratio':>6} {'MiB':>7}  {'goal':28} others, as ratio to psql")
    create, insert = "CREATE TABLE t{n} (id bigint, name text);\n", "INSERT INTO t VALUES ({n}, 'name');\n"
    with Server() as server:
        bench = Bench(server, arguments)
        bench.many("1,000 files, CREATE TABLE", 1000, create, None, 3, "0.95")
        bench.many("10,000 files, CREATE TABLE", 10000, create, None, 1, "0.95")
        bench.many("1,000 files, INSERT", 1000, insert, "CREATE TABLE t (id bigint, name text)", 3, "0.3")
        bench.slow_link()
        bench.nothing_to_do(1000, "0.015 s")
        bench.nothing_to_do(10000, "0.060 s")
        bench.large("script of 100,000 INSERTs", inserts(100_000), "0.2, 20 MiB", 1)
        if not arguments.quick:
            bench.large("script of 1,000,000 INSERTs", inserts(1_000_000), "0.2, 20 MiB", 1)
        bench.large("the same as COPY data", copy_rows(100_000), "1.2, 20 MiB", 3)
        bench.backup()
        bench.trivial()
    print(f"{'stripped binary':46} {DBM.stat().st_size / (1 << 20):8.1f} MiB{'':27}  10 MiB")
    for program in programs:
        if all(word in program.name for word in arguments.only):
            subprocess.run([program], check=False)
    (TREE / "results.json").write_text(json.dumps({"machine": machine(), "rows": bench.rows}, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
