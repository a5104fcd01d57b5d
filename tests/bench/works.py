"""What is measured (runs) and what is said about it (lines of the table).

A run is one command against one server that prints one JSON object. A line takes a number of one run of mq and, if it
is a ratio, a number of another run of the same round, or another number of the same run.
"""
import os
from dataclasses import dataclass, replace

BATCH = 8000  # mq's best: items a request


@dataclass
class Run:
    name: str
    server: str
    program: str  # in the build directory
    options: list  # of its command line; values() are filled in
    count: int = 1  # items, scaled by --scale
    is_framed: bool = False  # moves whole frames only
    transport: str = "tcp"
    beside: tuple = ()  # other servers that take part
    fresh: bool = False  # needs a server that has just been started
    warms_up: bool = True  # takes part in the round that does not count
    rounds: int = 10**6  # at most; memory does not change from round to round

    def on(self, server):
        return replace(self, name=self.name, server=server)

    def values(self, fleet, asked):
        count, frame = max(1, int(self.count * asked.scale)), asked.frame
        return {"build": fleet[0].build, "directory": fleet[0].directory, "endpoint": fleet[0].endpoint(self.transport), "elsewhere": fleet[-1].endpoint(self.transport),
                "broker": fleet[0].broker_pid, "rate": asked.rate, "batch": asked.batch, "frame": frame,
                "count": max(1, count // frame) * frame if self.is_framed else count}

    def command(self, build, fleet, asked):
        values = self.values(fleet, asked)
        return [os.path.join(build, self.program), *(str(word).format(**values) for word in self.options)]


@dataclass
class Line:
    name: str
    work: str
    ours: str  # a run
    metric: str
    theirs: str = ""  # a run, or nothing: then the target is about the number itself
    sign: str = "≥"
    target: float | None = None
    what: str = ""  # theirs, for the table
    metric_theirs: str = ""  # if it is another
    notes: tuple = ()  # words and more numbers of our run, instead of theirs


def race(name, server, program, mode, count, batch=1, window=1, before=(), more=(), **rest):
    options = [*before, "-m", mode, "-e", "{endpoint}", "-B", "{broker}", "-n", "{count}", "-b", batch, "-w", window,
               *more]
    return Run(name, server, "bench/" + program, options, count, **rest)


def redis(name, kind, count, window, more=()):
    return race(name, "redis", "peer_redis", "batch", count, 1000, window, (kind,), more)


def forward(transport):
    return race("forward-" + transport, "forward-" + transport, "peer_zmq", "batch", 4_000_000, "{frame}",
                transport=transport, is_framed=True)


def batched(name, count, kind="fifo", batch="{batch}", more=(), transport="tcp"):
    return race(name, "mq", "peer_mq", "batch", count, batch, 1, (kind,), more, transport=transport)


def durable(name, count, batch="{batch}", more=()):
    return race(name, "mq-durable", "peer_mq", "batch", count, batch, 1, ("fifo",), more)


def restart(count):
    return Run(f"restart-{count}", "mq", "bench/scene_restart", ["{build}/mq-broker", "{directory}/restart", "{count}"],
               count=count * 1_000_000, warms_up=False, rounds=3)


def one_at_a_time(transport):
    alone = ("-c", 0)
    yield race("bare-echo-" + transport, "echo-" + transport, "peer_zmq", "sync", 5000, more=alone, transport=transport)
    yield race("mq-sync-" + transport, "mq", "peer_mq", "sync", 5000, more=alone, transport=transport)
    # A ROUTER does not know that who waited has gone: each race needs a new one.
    yield race("bare-handoff-" + transport, "handoff-" + transport, "peer_zmq", "handoff", 1500, transport=transport,
               fresh=True)
    yield race("mq-handoff-" + transport, "mq", "peer_mq", "handoff", 1500, transport=transport)


def scene(name, program, server, *more, **rest):
    return Run(name, server, "bench/scene_" + program, ["-e", "{endpoint}", "-B", "{broker}", *more], transport="ipc",
               **rest)


def flood(name, batch):
    return scene(name, "flood", "mq-flooded", "-o", "{elsewhere}", "-b", batch, beside=("mq-elsewhere",), warms_up=False)


def memory(name, program, count, *more):
    return scene(name, program, "mq-fresh", *more, count=count, fresh=True, warms_up=False, rounds=3)


def at_rate(name, server, program, *before):
    return race(f"rate-{name}", server, program, "sync", 2000, before=before, more=("-r", "{rate}"))


FOUR = ("-p", 4, "-c", 4)
RUNS = [
    redis("redis-list", "list", 1_500_000, 4),
    batched("mq-tcp", 1_500_000),
    forward("tcp"),
    race("nats", "nats", "peer_nats", "batch", 60_000, 500),
    race("rabbitmq", "rabbitmq", "peer_rabbit", "batch", 40_000, 500),
    race("beanstalkd", "beanstalkd", "peer_beanstalk", "batch", 20_000, 50, 2),
    redis("redis-stream", "stream", 150_000, 2),
    batched("mq-ipc", 1_500_000, transport="ipc"),
    forward("ipc"),
    batched("mq-lifo", 1_500_000, "lifo"),
    batched("mq-priority", 1_500_000, "priority"),
    redis("redis-list-4x4", "list", 1_500_000, 4, FOUR),
    batched("mq-4x4", 1_500_000, batch=2000, more=FOUR),
    redis("redis-list-1k", "list", 300_000, 4, ("-s", 1024)),
    batched("mq-1k", 300_000, batch=1000, more=("-s", 1024)),
    *one_at_a_time("tcp"),
    *one_at_a_time("ipc"),
    at_rate("mq", "mq", "peer_mq"),
    at_rate("redis-list", "redis", "peer_redis", "list"),
    at_rate("redis-stream", "redis", "peer_redis", "stream"),
    at_rate("nats", "nats", "peer_nats"),
    at_rate("rabbitmq", "rabbitmq", "peer_rabbit"),
    at_rate("beanstalkd", "beanstalkd", "peer_beanstalk"),
    scene("threads", "threads", "mq"),
    scene("depth", "depth", "mq-deep", "-n", "{count}", count=10_000_000),
    flood("flood-batches", 1000),
    flood("flood-large-batches", 65536),
    flood("flood-bodies", 1),
    redis("redis-durable", "list", 1_000_000, 4).on("redis-durable"),
    redis("redis-durable-1k", "list", 200_000, 4, ("-s", 1024)).on("redis-durable"),
    race("rabbitmq-durable", "rabbitmq", "peer_rabbit", "batch", 20_000, 500, more=("-v", "durable")),
    durable("durable", 1_500_000),
    durable("durable-1k", 300_000, 1000, ("-s", 1024)),
    durable("durable-256", 500_000, 256).on("mq-steady"),
    scene("durable-one", "durable", "mq-durable", "-o", "{elsewhere}", "-f", "{directory}/limit", beside=("mq",)),
    scene("durable-threads", "threads", "mq-durable", "-t", 64, "-d", 2),
    restart(5),
    restart(50),
    memory("memory-singly", "memory", 1_000_000, "-b", 1, "-n", "{count}"),
    memory("memory-batches", "memory", 1_000_000, "-b", 256, "-n", "{count}"),
    memory("queues", "queues", 100_000, "-q", "{count}"),
]
RATE, CPU = "items_per_second", "broker_cpu_s_per_million"
PEERS = [("redis-list", 1.3, "Redis list, no acknowledgements"), ("redis-stream", 10, "Redis stream"),
         ("nats", 25, "NATS JetStream, memory"), ("rabbitmq", 40, "RabbitMQ, transient"), ("beanstalkd", 1, "beanstalkd")]


def batched_lines():
    for transport in "tcp", "ipc":
        for run, target, what in PEERS:
            yield Line(f"{transport}-{run}", f"batched 1×1, {transport}", f"mq-{transport}", RATE, run, "≥", target, what)
        yield Line(f"{transport}-forward", f"batched 1×1, {transport}", f"mq-{transport}", RATE, f"forward-{transport}",
                   "≥", 0.55, "bare ZeroMQ forwarding, as many bytes a frame")
    yield Line("4x4", "batched 4×4", "mq-4x4", RATE, "redis-list-4x4", "≥", 1.1, "Redis list")
    yield Line("1k", "batched 1×1, 1 KiB bodies", "mq-1k", RATE, "redis-list-1k", "≥", 1.3, "Redis list")
    for kind in "lifo", "priority":
        yield Line(kind, f"batched 1×1, {kind}", f"mq-{kind}", RATE, "mq-tcp", "≥", 0.7, "mq, FIFO")
    for run, _, what in PEERS:
        yield Line(f"cpu-{run}", "broker CPU per million items", "mq-tcp", CPU, run, "<", 1, what)


def latency_lines():
    for transport in "tcp", "ipc":
        yield Line(f"sync-{transport}", f"one at a time, put p50, {transport}", f"mq-sync-{transport}", "put_p50_us",
                   f"bare-echo-{transport}", "≤", 1.15, "bare DEALER/ROUTER echo")
        yield Line(f"handoff-{transport}", f"blocked get, hand-off p50, {transport}", f"mq-handoff-{transport}",
                   "handoff_p50_us", f"bare-handoff-{transport}", "≤", 1.1, "bare single-ROUTER hand-off")
    yield Line("threads", "`mqc_put`, 16 threads on one handle", "threads", "many_per_second", "threads", "≥", 4,
               "one thread", "one_per_second")


def durable_lines():
    work = "batched 1×1, every answer on disk"
    yield Line("durable-memory", work, "durable", RATE, "mq-tcp", "≥", 0.5, "mq, memory only")
    yield Line("durable-redis", work, "durable", RATE, "redis-durable", "≥", 1.5, "Redis list, appendfsync always")
    yield Line("durable-rabbitmq", work, "durable", RATE, "rabbitmq-durable", "≥", 10, "RabbitMQ, durable, confirms")
    yield Line("durable-1k", work + ", 1 KiB bodies", "durable-1k", RATE, "redis-durable-1k", "≥", 1,
               "Redis list, appendfsync always")
    yield Line("durable-written", "bytes written a byte of body, 256 a request", "durable-256", "written_per_body_byte", "",
               "≤", 1.6)
    yield Line("durable-one", "one at a time on disk, put p50", "durable-one", "durable_us", "durable-one", "≤", 1.5,
               "bare fdatasync of 4 KiB and a put in memory", "limit_us")
    yield Line("durable-threads", "`mqc_put` on disk, 64 threads on one handle", "durable-threads", "many_per_second",
               "durable-threads", "≥", 10, "one thread", "one_per_second")
    for count, target in (5, 1.5), (50, 15):
        yield Line(f"restart-{count}", f"restart with {count} M items, until ready", f"restart-{count}", "ready_s", "", "≤",
                   target, notes=(("memory before", "before_mib"), ("after", "after_mib")))


def rate_lines():
    for share in "p50", "p99":
        for run, _, what in PEERS:
            yield Line(f"rate-{run}-{share}", f"one at a time at a steady rate, from when a put is due until it is got, {share}",
                       "rate-mq", f"handoff_{share}_us", f"rate-{run}", "", None, what)


def fairness_lines():
    notes = (("p99 alone", "quiet_p99_us"), ("another broker flooded", "elsewhere_p99_us"),
             ("flood", "flood_per_second"))
    for run, target, what in (("flood-batches", 5, "1000 × 100 bytes"), ("flood-large-batches", 5, "65,536 × 100 bytes"),
                              ("flood-bodies", 50, "16 MiB bodies")):
        yield Line(run, f"p99 added to a round trip by another's flood: {what}", run, "delay_p99_ms", "", "≤", target,
                   notes=notes)


def size_lines():
    for run, how in ("memory-singly", "one a request"), ("memory-batches", "256 a request"):
        yield Line(run, f"memory with 1 M items waiting, {how}", run, "full_mib", "", "≤", 130,
                   notes=(("before", "idle_mib"),))
        yield Line(run + "-drained", "... after draining, within 10 s", run, "drained_mib", "", "≤", 20)
    for call in "put", "get":
        for unit, what in ("us", "time"), ("cpu_us", "broker CPU"):
            yield Line(f"depth-{call}-{unit}", f"{call}, {what} an item, priority queue of 10 M", "depth",
                       f"deep_{call}_{unit}", "depth", "≤", 3, "of 10 k", f"shallow_{call}_{unit}")
    for unit, what in ("us", "time"), ("cpu_us", "broker CPU"):
        yield Line(f"queues-{unit}", f"100,000 queues × 10 items, {what} an item", "queues", f"many_{unit}", "queues", "≤",
                   1.5, "one queue", f"one_{unit}")
    yield Line("queue-empty", "memory of an empty queue", "queues", "empty_queue_bytes", "", "≤", 1024)


LINES = [*batched_lines(), *latency_lines(), *durable_lines(), *rate_lines(), *fairness_lines(), *size_lines()]
