"""The brokers of a comparison: each started on free loopback ports with its data in a directory of its own.

Only one is awake at a time: the others are stopped (SIGSTOP) until it is their turn, so that nobody's housekeeping
takes part in another's race. All that is started here is ended here, by its process id.
"""
import os
import re
import shutil
import signal
import socket
import subprocess
import time

START_S = 60


class Failed(Exception):
    """Something that was run went wrong; the text says what."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def first_line(command):
    """The first line that a command prints, or nothing."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout.strip().split("\n")[0]


class Server:
    """A broker's process. A kind of broker says how it is found, started and reached."""

    program = ""

    def __init__(self, build, scratch, name):
        self.build, self.name = build, name
        self.directory = os.path.join(scratch, name)
        self.processes = []
        self.broker_pid = 0  # whose CPU counts
        self.is_awake = True

    @classmethod
    def found(cls, build):
        """The program's path, or None if it is not installed."""
        return shutil.which(cls.program, path=os.environ.get("PATH", "") + ":/usr/sbin")

    def endpoint(self, transport):
        """What a client is told; a server of one transport does not look at it."""
        return f"127.0.0.1:{self.port}"

    def version(self):
        return ""

    def command(self):
        """The command line, and what is added to the environment."""
        raise NotImplementedError

    def is_ready(self):
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def find_broker(self):
        return self.processes[-1].pid

    def spawn(self, command, environment=None):
        with open(os.path.join(self.directory, "log"), "ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory,
                                       env={**os.environ, **(environment or {})}, start_new_session=True)
        self.processes.append(process)

    def start(self):
        os.makedirs(self.directory, exist_ok=True)
        self.port = free_port()
        self.spawn(*self.command())
        end = time.monotonic() + START_S
        while not self.is_ready():
            if self.processes[-1].poll() is not None or time.monotonic() > end:
                raise Failed(f"{self.name} did not start:\n{self.log()}")
            time.sleep(0.05)
        self.broker_pid = self.find_broker()
        return self

    def log(self):
        with open(os.path.join(self.directory, "log"), encoding="utf-8", errors="replace") as log:
            return log.read()[-2000:]

    def signal(self, number):
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, number)  # its own session: only what it started itself

    def freeze(self):
        self.signal(signal.SIGSTOP)
        self.is_awake = False

    def wake(self):
        self.signal(signal.SIGCONT)
        self.is_awake = True

    def stop(self):
        """Ends it, gently if it lets us."""
        self.wake()
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.processes = []
        shutil.rmtree(self.directory, ignore_errors=True)


class Mq(Server):
    program = "mq-broker"

    @classmethod
    def found(cls, build):
        path = os.path.join(build, cls.program)
        return path if os.access(path, os.X_OK) else None

    def endpoint(self, transport):
        return f"tcp://127.0.0.1:{self.port}" if transport == "tcp" else f"ipc://{self.directory}/line"

    def version(self):
        return first_line([self.found(self.build), "--version"])

    def command(self):
        return [self.found(self.build), "--bind", self.endpoint("tcp"), "--bind", self.endpoint("ipc")], {}


class MqDurable(Mq):
    """Every answer is on disk."""

    def command(self):
        command, environment = super().command()
        return [*command, "--data", os.path.join(self.directory, "data")], environment


class Redis(Server):
    program = "redis-server"

    def version(self):
        return "Redis " + re.search(r"v=(\S+)", first_line([self.program, "--version"])).group(1)

    def command(self):
        return [self.found(self.build), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                "--appendonly", "no", "--dir", self.directory], {}


class RedisDurable(Redis):
    """Every answer is on disk."""

    def command(self):
        command, environment = super().command()
        command[command.index("--appendonly") + 1] = "yes"
        return [*command, "--appendfsync", "always"], environment


class Nats(Server):
    program = "nats-server"

    def version(self):
        return "NATS " + first_line([self.program, "--version"]).split(" v")[-1].split(": ")[-1]

    def command(self):
        settings = os.path.join(self.directory, "settings")
        with open(settings, "w", encoding="utf-8") as out:
            out.write(f"listen: 127.0.0.1:{self.port}\nmax_pending: 2GB\n"
                      f'jetstream {{ store_dir: "{self.directory}/store", max_mem: 8GB, max_file: 8GB }}\n')
        return [self.found(self.build), "-c", settings], {}


class Beanstalkd(Server):
    program = "beanstalkd"

    def version(self):
        return first_line([self.program, "-v"])

    def command(self):
        return [self.found(self.build), "-l", "127.0.0.1", "-p", str(self.port), "-z", "65536"], {}


class Rabbit(Server):
    """Its name daemon is started beside it, in the foreground, so that it ends with it."""

    program = "rabbitmq-server"

    @classmethod
    def found(cls, build):
        """Not the script on the PATH, which changes to a user who may not write where we want it to."""
        return shutil.which(cls.program, path="/usr/lib/rabbitmq/bin")

    def version(self):
        for directory in os.listdir("/usr/lib/rabbitmq/lib"):
            if directory.startswith("rabbitmq_server-"):
                return "RabbitMQ " + directory.split("-")[1]
        return "RabbitMQ"

    def command(self):
        names = free_port()
        self.spawn(["epmd", "-port", str(names), "-address", "127.0.0.1"])
        settings = os.path.join(self.directory, "rabbitmq.conf")
        with open(settings, "w", encoding="utf-8") as out:
            out.write(f"listeners.tcp.1 = 127.0.0.1:{self.port}\nlog.file.level = error\n")
        own = os.path.join(self.directory, "")
        return [self.found(self.build)], {
            "HOME": self.directory, "RABBITMQ_NODENAME": "compare@localhost", "RABBITMQ_BASE": self.directory,
            "RABBITMQ_MNESIA_BASE": own + "mnesia", "RABBITMQ_LOG_BASE": own + "logs",
            "RABBITMQ_CONFIG_FILE": settings, "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_ENABLED_PLUGINS_FILE": own + "plugins", "RABBITMQ_DIST_PORT": str(free_port()),
            "ERL_EPMD_PORT": str(names), "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}"}

    def find_broker(self):
        """The Erlang machine, a child of the script that was started."""
        parent = self.processes[-1].pid
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
                    name, rest = stat.read().split("(", 1)[1].rsplit(")", 1)
            except OSError:
                continue  # it has ended meanwhile
            if name == "beam.smp" and int(rest.split()[1]) == parent:
                return int(pid)
        return parent


class Bare(Server):
    """limit_router: no queue at all. One process for each of its modes and transports."""

    program = "bench/limit_router"
    mode = ""

    @classmethod
    def found(cls, build):
        path = os.path.join(build, cls.program)
        return path if os.access(path, os.X_OK) else None

    def start(self):
        self.back = free_port()
        return super().start()

    def version(self):
        return ""

    def one(self, port, file):
        return f"tcp://127.0.0.1:{port}" if "tcp" in self.name else f"ipc://{self.directory}/{file}"

    def ends(self):
        return [self.one(self.port, "front")] + ([self.one(self.back, "back")] if self.mode == "forward" else [])

    def endpoint(self, transport):
        return ",".join(self.ends())

    def command(self):
        return [self.found(self.build), self.mode, *self.ends()], {}

    def is_ready(self):
        return "ready" in self.log()


class BareForward(Bare):
    mode = "forward"


class BareEcho(Bare):
    mode = "echo"


class BareHandoff(Bare):
    mode = "handoff"


# Several of mq, as some runs leave their brokers with much in them, or need another one beside.
KINDS = {"mq": Mq, "mq-fresh": Mq, "mq-deep": Mq, "mq-flooded": Mq, "mq-elsewhere": Mq,
         "mq-durable": MqDurable, "mq-steady": MqDurable, "redis-durable": RedisDurable, "redis": Redis, "nats": Nats, "rabbitmq": Rabbit, "beanstalkd": Beanstalkd,
         "forward-tcp": BareForward, "forward-ipc": BareForward, "echo-tcp": BareEcho, "echo-ipc": BareEcho,
         "handoff-tcp": BareHandoff, "handoff-ipc": BareHandoff}


class Fleet:
    """All servers of a comparison. Started when first needed, frozen when it is another's turn."""

    def __init__(self, build, scratch):
        self.build, self.scratch, self.servers = build, scratch, {}
        self.found_versions = set()

    def found(self, name):
        return KINDS[name].found(self.build) is not None

    def awake(self, names, fresh=False):
        """These servers, and no others running; with `fresh`, just started. The first of them."""
        for server in self.servers.values():
            if server.is_awake and server.name not in names:
                server.freeze()
        for name in names:
            if fresh and name in self.servers:
                self.servers.pop(name).stop()
            if name not in self.servers:
                self.servers[name] = KINDS[name](self.build, self.scratch, name)
                self.found_versions |= {self.servers[name].start().version()} - {""}
            elif not self.servers[name].is_awake:
                self.servers[name].wake()
        return [self.servers[name] for name in names]

    def end(self, names):
        for name in names:
            self.servers.pop(name).stop()

    def versions(self):
        return sorted(self.found_versions)

    def stop(self):
        for server in self.servers.values():
            server.stop()
        self.servers = {}
