"""What is measured (runs) and what is said about it (lines of the table).

A run is one command against one server that prints one JSON object. A line takes a number of one run of mq and, if it
is a ratio, the same number of another run of the same round.
"""
import os
from dataclasses import dataclass, field

BATCH, WINDOW = 1000, 2  # mq's best: items a request, requests on their way


@dataclass
class Run:
    name: str
    server: str
    program: str  # in the build directory
    options: list  # the words of its command line; {endpoint} and {broker} are filled in
    count: int  # items, scaled by --scale
    transport: str = "tcp"
    multiple: int = 1  # of which the count has to be
    batched: str = "-"  # how, for the table: items a request x requests on their way
    fresh: bool = False  # needs a broker that has just been started
    rounds: int = 10**6  # at most; memory does not change from round to round

    def command(self, build, server, scale):
        count = max(self.multiple, int(self.count * scale) // self.multiple * self.multiple)
        words = [word.format(endpoint=server.endpoint(self.transport), broker=server.broker_pid, count=count)
                 for word in self.options]
        return [os.path.join(build, self.program), *words]


@dataclass
class Line:
    name: str
    work: str
    ours: str  # a run
    metric: str
    theirs: str = ""  # a run, or nothing: then the target is about the number itself
    target: float = 0.0
    at_least: bool = True
    what: str = ""  # theirs, for the table
    is_strict: bool = False
    metric_theirs: str = ""
    scale: dict = field(default_factory=dict)


def race(name, server, program, mode, count, batch=1, window=1, before=(), more=(), **rest):
    options = [*before, "-m", mode, "-e", "{endpoint}", "-B", "{broker}", "-n", "{count}", "-b", str(batch),
               "-w", str(window), *more]
    batched = f"{batch} × {window}" if mode == "batch" else "1 × 1"
    return Run(name, server, "bench/" + program, options, count, batched=rest.pop("batched", batched), **rest)


FOUR = ("-p", "4", "-c", "4")
KIB = ("-s", "1024")
FRAMES = "{0} × libzmq's marks"


def mq_batched(name, transport="tcp", count=1_500_000, batch=BATCH, more=()):
    return race(name, "mq", "peer_mq", "batch", count, batch, WINDOW, more=more, transport=transport)


def redis(name, kind, count, batch, window, more=()):
    return race(name, "redis", "peer_redis", "batch", count, batch, window, (kind,), more)


def forward(name, transport):
    return race(name, "forward-" + transport, "peer_zmq", "batch", 3_000_000, BATCH, transport=transport,
                multiple=BATCH, batched=FRAMES.format(BATCH))


RUNS = [
    redis("redis-list", "list", 1_500_000, 1000, 4),
    mq_batched("mq-tcp"),
    forward("forward-tcp", "tcp"),
    race("nats", "nats", "peer_nats", "batch", 60_000, 500),
    race("rabbitmq", "rabbitmq", "peer_rabbit", "batch", 40_000, 500),
    race("beanstalkd", "beanstalkd", "peer_beanstalk", "batch", 25_000, 50, 2),
    redis("redis-stream", "stream", 120_000, 1000, 2),
    mq_batched("mq-ipc", "ipc"),
    forward("forward-ipc", "ipc"),
    redis("redis-list-4x4", "list", 1_500_000, 1000, 4, FOUR),
    mq_batched("mq-4x4", more=FOUR),
    redis("redis-list-1k", "list", 300_000, 1000, 4, KIB),
    mq_batched("mq-1k", count=300_000, more=KIB),
    race("echo-tcp", "echo-tcp", "peer_zmq", "sync", 5000, more=("-c", "0")),
    race("mq-sync-tcp", "mq", "peer_mq", "sync", 5000, more=("-c", "0")),
    race("echo-ipc", "echo-ipc", "peer_zmq", "sync", 5000, more=("-c", "0"), transport="ipc"),
    race("mq-sync-ipc", "mq", "peer_mq", "sync", 5000, more=("-c", "0"), transport="ipc"),
    race("handoff-tcp", "handoff-tcp", "peer_zmq", "handoff", 1500),
    race("mq-handoff-tcp", "mq", "peer_mq", "handoff", 1500),
    race("handoff-ipc", "handoff-ipc", "peer_zmq", "handoff", 1500, transport="ipc"),
    race("mq-handoff-ipc", "mq", "peer_mq", "handoff", 1500, transport="ipc"),
]

RATE, PUT, HANDOFF = "items_per_second", "put_p50_us", "handoff_p50_us"
CPU, MIB = "broker_cpu_s_per_million", "rss_mib"


def batched_lines():
    peers = [("redis-list", 1.3, "Redis list, no acknowledgements"), ("redis-stream", 10, "Redis stream"),
             ("nats", 25, "NATS JetStream, memory"), ("rabbitmq", 40, "RabbitMQ, transient"),
             ("beanstalkd", 1.0, "beanstalkd")]
    for transport in "tcp", "ipc":
        for run, target, what in peers:
            yield Line(f"{transport}-{run}", f"batched 1×1, {transport}", f"mq-{transport}", RATE, run, target, what=what)
        yield Line(f"{transport}-forward", f"batched 1×1, {transport}", f"mq-{transport}", RATE, f"forward-{transport}",
                   0.55, what="bare ZeroMQ forwarding, same bytes a frame")
    for run, _, what in peers:
        yield Line(f"cpu-{run}", "broker CPU per million items, batched 1×1, tcp", "mq-tcp", CPU, run, 1.0, False, what,
                   is_strict=True)
    yield Line("4x4", "batched 4×4, tcp", "mq-4x4", RATE, "redis-list-4x4", 1.1, what="Redis list")
    yield Line("1k", "batched 1×1, 1 KiB bodies, tcp", "mq-1k", RATE, "redis-list-1k", 1.3, what="Redis list")


def latency_lines():
    for transport in "tcp", "ipc":
        yield Line(f"sync-{transport}", f"one at a time, put p50, {transport}", f"mq-sync-{transport}", PUT,
                   f"echo-{transport}", 1.15, False, "bare DEALER/ROUTER echo")
        yield Line(f"handoff-{transport}", f"blocked get, hand-off p50, {transport}", f"mq-handoff-{transport}", HANDOFF,
                   f"handoff-{transport}", 1.1, False, "bare single-ROUTER hand-off")


LINES = [*batched_lines(), *latency_lines()]
