"""The table: medians of what was measured, and quartiles of the ratios of each round."""
import operator
import platform
import statistics


def quartiles(values):
    if len(values) == 1:
        return values * 3
    return statistics.quantiles(values, n=4, method="inclusive")


def short(value):
    """Three digits."""
    if value >= 100 or value == 0:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def amount(metric, value):
    if metric == "items_per_second":
        return f"{value / 1e6:.2f} M/s" if value >= 1e6 else f"{short(value / 1e3)} k/s"
    for ending, unit in ("_us", " µs"), ("_ms", " ms"), ("_mib", " MiB"), ("_per_second", " /s"), ("_bytes", " B"), ("_s_per_million", " s"), ("ready_s", " s"):
        if metric.endswith(ending):
            return short(value) + unit
    return short(value)


def batching(measured):
    """Items a request × requests on their way, of each producer, as the run itself said."""
    if measured.get("mode") != "batch":
        return f"{measured['batch']} × 1" if "batch" in measured else "1 × 1"
    if measured["peer"] == "zmq":
        return f"{measured['batch']} × libzmq's marks"
    return f"{measured['batch']} × {measured['window']}"


class Row:
    """A line with its numbers of all rounds."""

    def __init__(self, line, results):
        self.line, self.ours, self.theirs, self.values = line, [], [], []
        self.batching = "", ""
        self.notes = [statistics.median(found) for found in self.of_notes(results) if found]
        for measured in results:
            ours = measured.get(line.ours, {}).get(line.metric)
            theirs = measured.get(line.theirs, {}).get(line.metric_theirs or line.metric)
            if ours is None or (line.theirs and theirs is None):
                continue
            self.batching = tuple(batching(measured[run]) if run else "" for run in (line.ours, line.theirs))
            self.ours.append(ours)
            self.theirs.append(theirs)
            self.values.append(ours / theirs if line.theirs and theirs else ours)

    def of_notes(self, results):
        for _, metric in self.line.notes:
            yield [measured[self.line.ours][metric] for measured in results if self.line.ours in measured]

    def reached(self):
        if self.line.target is None:
            return True
        holds = {"≥": operator.ge, "≤": operator.le, "<": operator.lt}[self.line.sign]
        return holds(quartiles(self.values)[1], self.line.target)

    def goal(self):
        line = self.line
        if line.target is None:
            return ""
        return f"{line.sign} " + (f"{line.target:g}" if line.theirs else amount(line.metric, line.target))

    def cells(self):
        line, (low, middle, high) = self.line, quartiles(self.values)
        ours, theirs, spread = amount(line.metric, statistics.median(self.ours)), "", ""
        if line.theirs:
            theirs = amount(line.metric_theirs or line.metric, statistics.median(self.theirs))
            theirs = f"{line.what}: {theirs} ({self.batching[1]})"
            spread = f"**{short(middle)}** ({short(low)}–{short(high)})"
        else:
            theirs = "; ".join(f"{words} {amount(metric, value)}" for (words, metric), value in
                               zip(self.line.notes, self.notes))
            ours += f" [{amount(line.metric, low)}–{amount(line.metric, high)}]"
        missed = "" if self.reached() else ", **missed**"
        return [line.work, f"{ours} ({self.batching[0]})", theirs, spread, self.goal() + missed, str(len(self.values))]


HEADS = ["work", "mq (items a request × requests in flight)", "beside", "ratio (quartiles)", "goal", "rounds"]


def markdown(rows):
    yield "| " + " | ".join(HEADS) + " |"
    yield "|" + "---|" * len(HEADS)
    for row in rows:
        if row.values:
            yield "| " + " | ".join(row.cells()) + " |"


BEGIN, END = "<!-- compare -->", "<!-- end of compare -->"


class Document:
    """A text with a place for the table, between the lines BEGIN and END."""

    def __init__(self, path):
        self.path = path
        with open(path, encoding="utf-8") as document:
            text = document.read()
        if text.count(f"{BEGIN}\n") != 1 or text.count(f"{END}\n") != 1:
            raise ValueError(f"{path} has no place for the table: the lines {BEGIN} and {END}")
        self.before, rest = text.split(f"{BEGIN}\n")
        self.after = rest.split(f"{END}\n")[1]

    def write(self, table):
        with open(self.path, "w", encoding="utf-8") as document:
            document.write(f"{self.before}{BEGIN}\n{table}\n{END}\n{self.after}")


def machine():
    facts = {}
    with open("/proc/cpuinfo", encoding="utf-8") as cpuinfo:
        for text in cpuinfo:
            key, _, value = text.partition(":")
            facts.setdefault(key.strip(), value.strip())
            facts["cores"] = facts.get("cores", 0) + (key.strip() == "processor")
    with open("/proc/meminfo", encoding="utf-8") as meminfo:
        gib = int(meminfo.readline().split()[1]) / 2**20
    with open("/etc/os-release", encoding="utf-8") as release:
        system = dict(text.strip().split("=", 1) for text in release if "=" in text)["PRETTY_NAME"].strip('"')
    model = facts.get("model name", platform.machine())
    return f"{facts['cores']} cores ({model}), {gib:.0f} GiB, {system}, Linux {platform.release()}"
