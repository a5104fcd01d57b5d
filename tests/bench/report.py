"""The table: medians of what was measured, and quartiles of the ratios of each round."""
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
    for ending, unit in ("_us", " µs"), ("_ms", " ms"), ("_mib", " MiB"), ("_bytes", " B"), ("_s_per_million", " s"):
        if metric.endswith(ending):
            return short(value) + unit
    return short(value)


class Row:
    """A line with its numbers of all rounds."""

    def __init__(self, line, results):
        self.line, self.ours, self.theirs, self.values = line, [], [], []
        for measured in results:
            ours = measured.get(line.ours, {}).get(line.metric)
            theirs = measured.get(line.theirs, {}).get(line.metric_theirs or line.metric)
            if ours is None or (line.theirs and theirs is None):
                continue
            self.ours.append(ours)
            self.theirs.append(theirs)
            self.values.append(ours / theirs if line.theirs and theirs else ours)

    def reached(self):
        median, line = quartiles(self.values)[1], self.line
        if line.at_least:
            return median >= line.target
        return median < line.target if line.is_strict else median <= line.target

    def goal(self):
        sign = "≥" if self.line.at_least else "<" if self.line.is_strict else "≤"
        return f"{sign} " + (f"{self.line.target:g}" if self.line.theirs else amount(self.line.metric, self.line.target))

    def cells(self, runs):
        line, (low, middle, high) = self.line, quartiles(self.values)
        ours = amount(line.metric, statistics.median(self.ours))
        cells = [line.work, ours, runs[line.ours].batched]
        if line.theirs:
            theirs = amount(line.metric_theirs or line.metric, statistics.median(self.theirs))
            cells += [line.what, theirs, runs[line.theirs].batched]
            cells.append(f"**{short(middle)}** ({short(low)}–{short(high)})")
        else:
            cells += ["", "", "", f"({amount(line.metric, low)}–{amount(line.metric, high)})"]
        return [*cells, self.goal(), "yes" if self.reached() else "**no**", str(len(self.values))]


HEADS = ["work", "mq", "batch × in flight", "beside", "theirs", "batch × in flight", "ratio (quartiles)", "target",
         "reached", "rounds"]


def markdown(rows, runs):
    yield "| " + " | ".join(HEADS) + " |"
    yield "|" + "---|" * len(HEADS)
    for row in rows:
        if row.values:
            yield "| " + " | ".join(row.cells(runs)) + " |"


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
