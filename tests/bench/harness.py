"""What the benchmark scripts share: the build, the broker, running one side of a comparison."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLUSTER = "bench"

# Both sides run with these. The first is what the daemon sets by itself where the library knows it.
TOPIC_SECONDS = 30
SETTINGS = {"fetch.queue.backoff.ms": "5", "auto.offset.reset": "earliest"}

# A run that takes longer has failed.
RUN_TIMEOUT = 300
STOP_TIMEOUT = 40


def say(text):
    print(f"{pathlib.Path(sys.argv[0]).name}: {text}", file=sys.stderr, flush=True)


def fail(text):
    say(f"error: {text}")
    sys.exit(1)


def shown(settings):
    """The settings that say something about a run."""
    return {name: value for name, value in settings.items() if name != "bootstrap.servers"}


# ---- The build and the broker --------------------------------------------------------------------


def add_build_arguments(parser):
    parser.add_argument("--build", default=ROOT / "build" / "release",
                        help="a configured build folder (build/release)")
    parser.add_argument("--no-build", action="store_true", help="take the build as it is")


def prepared_build(options):
    build = Build(options.build)
    if not options.no_build:
        build.make()
    return build


class Build:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()
        self.moult = self.folder / "runtime" / "moult"

    def program(self, name):
        return self.folder / "tests" / "bench" / name

    def make(self):
        if not (self.folder / "CMakeCache.txt").exists():
            fail(f"{self.folder} is not a build folder: cmake --preset release, or --build DIR")
        command = ["cmake", "--build", str(self.folder), "--target", "bench"]
        if subprocess.run(command, stdout=sys.stderr).returncode != 0:
            fail("the build failed")

    def librdkafka(self):
        out = subprocess.run([self.moult, "version"], capture_output=True, text=True, check=True)
        return " ".join(line for line in out.stdout.splitlines() if "librdkafka" in line)


def kafka(*arguments):
    out = subprocess.run([ROOT / "tools" / "kafka", *arguments], stdout=subprocess.PIPE, text=True)
    if out.returncode != 0:
        fail(f"tools/kafka {' '.join(arguments)} failed")
    return out.stdout


@contextlib.contextmanager
def broker():
    """The broker of the benchmarks. Its data stays for the next run; a broker that was up before
    stays up."""
    was_up = subprocess.run([ROOT / "tools" / "kafka", "status", "--name", CLUSTER],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    bootstrap = kafka("up", "--name", CLUSTER).splitlines()[-1].removeprefix("bootstrap=")
    try:
        yield bootstrap
    finally:
        if not was_up:
            kafka("down", "--name", CLUSTER, "--keep")


def topics():
    return kafka("tool", "--name", CLUSTER, "topics", "--list").split()


def create_topic(name, partitions, *config):
    kafka("tool", "--name", CLUSTER, "topics", "--create", "--if-not-exists", "--topic", name,
          "--partitions", str(partitions), "--replication-factor", "1",
          *(word for setting in ("retention.ms=-1", "retention.bytes=-1", *config)
            for word in ("--config", setting)))
    # The controller has it; the broker that a client asks may learn of it a moment later, and
    # librdkafka looks for a missing topic only every few minutes.
    deadline = time.monotonic() + TOPIC_SECONDS
    while name not in topics():
        if time.monotonic() > deadline:
            raise RuntimeError(f"topic {name} did not appear in {TOPIC_SECONDS} s")


def rebalances(group):
    """How many generations (or epochs) of the group the broker has begun, as its log tells."""
    texts = (f"Stabilized group {group} generation ", f"[GroupId {group}] Bumped group epoch to ")
    log = pathlib.Path(kafka("log", "--name", CLUSTER, "1").strip())
    with open(log, errors="replace") as lines:
        return sum(any(text in line for text in texts) for line in lines)


def delete_topic(name):
    kafka("tool", "--name", CLUSTER, "topics", "--delete", "--if-exists", "--topic", name)


# ---- Processes -----------------------------------------------------------------------------------


class Process:
    """One side of a comparison while it runs, in a scratch folder of its own."""

    def __init__(self, command, environment=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="moult-bench-"))
        self.report_file = self.folder / "report.json"
        self.output = self.folder / "output"
        if callable(command):
            command = command(self.folder)
        env = dict(os.environ, MOULT_BENCH_REPORT=str(self.report_file), **(environment or {}))
        with open(self.output, "wb") as out:
            self.child = subprocess.Popen([str(part) for part in command], stdout=out,
                                          stderr=subprocess.STDOUT, env=env)
        self.pid = self.child.pid

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        if kind is None:
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            say(f"output kept in {self.folder}")

    def text(self):
        return self.output.read_text(errors="replace")

    def wait_for(self, condition, what, timeout=RUN_TIMEOUT):
        deadline = time.monotonic() + timeout
        while not condition():
            if self.child.poll() is not None and not condition():
                raise RuntimeError(f"ended before {what}:\n{self.text()[-2000:]}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"no {what} within {timeout} s:\n{self.text()[-2000:]}")
            time.sleep(0.02)

    def report(self):
        self.wait_for(self.report_file.exists, "its report")
        return json.loads(self.report_file.read_text())

    def stop(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
        code = self.child.wait(timeout=STOP_TIMEOUT)
        if code != 0:
            raise RuntimeError(f"ended with {code}:\n{self.text()[-2000:]}")

    def cpu_seconds(self):
        """What its threads have used so far, in nanosecond resolution."""
        total = 0
        for task in pathlib.Path(f"/proc/{self.pid}/task").iterdir():
            with contextlib.suppress(OSError):
                total += int((task / "schedstat").read_text().split()[0])
        return total / 1e9

    def rss_kib(self):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise RuntimeError("no VmRSS")

    def count_lines(self, text):
        return self.text().count(text)


def properties(bootstrap, **more):
    return {"bootstrap.servers": bootstrap, **SETTINGS, **more}


def bare_arguments(settings):
    return [f"{name}={value}" for name, value in settings.items()]


def moult_command(build, settings, group, topic, plugin, workers, batch, plugin_settings=None,
                  handler=None, plugins_path=None):
    """How to start a daemon with one handler, whose config goes to the process's folder."""

    def command(folder):
        config = {
            # JSON is YAML, and Python writes it.
            "kafka": settings,
            "plugins_path": str(plugins_path or build.folder / "tests" / "bench"),
            "staging_path": str(folder / "staging"),
            "log": {"format": "json", "level": "info"},
            "consumers": [{
                "group": group,
                "handlers": [{
                    "name": "bench", "plugin": plugin, "topics": [topic], "workers": workers,
                    "batch": {"max_records": batch}, "settings": plugin_settings or {},
                    **(handler or {}),
                }],
            }],
        }
        file = folder / "moult.yaml"
        file.write_text(json.dumps(config, indent=1))
        return [build.moult, "run", "--config", file]

    return command


# ---- Figures -------------------------------------------------------------------------------------


def median_of(reports, field):
    return statistics.median(report[field] for report in reports)


def spread_of(reports, field):
    values = [report[field] for report in reports]
    return [min(values), max(values)]


def load():
    return round(os.getloadavg()[0], 1)
