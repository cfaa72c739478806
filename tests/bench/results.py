# SPDX-License-Identifier: LGPL-2.1-or-later
"""Samples of many kinds of work by several engines: printed, written as TSV, drawn as SVG."""

import os
import statistics
import time


class Results:
    def __init__(self):
        self.samples = {}

    def add(self, work, engine, value):
        self.samples.setdefault(work, {}).setdefault(engine, []).append(value)

    def time(self, work, engine, function, *arguments):
        """In milliseconds; a function that returns a number has measured itself, in seconds."""
        started = time.perf_counter()
        measured = function(*arguments)
        self.add(work, engine.name, 1000 * (measured or time.perf_counter() - started))

    def each(self, work, engines, method, *arguments):
        """By those that can."""
        for engine in engines:
            if hasattr(engine, method):
                self.time(work, engine, getattr(engine, method), *arguments)

    def names(self):
        """All engines, in the order in which they first appear."""
        return list(dict.fromkeys(name for by_engine in self.samples.values() for name in by_engine))

    def ratio(self, work, name):
        by_engine = self.samples[work]
        if name not in by_engine or "mydocker" not in by_engine:
            return None
        other = statistics.median(by_engine[name])
        return statistics.median(by_engine["mydocker"]) / other if other > 0 else None

    def table(self):
        """A Markdown table: medians with smallest and largest, then mydocker's ratio to the others."""
        names = self.names()
        yield "| work | " + " | ".join(names) + " | mydocker to others |"
        yield "|---" * (len(names) + 2) + "|"
        for work, by_engine in self.samples.items():
            cells = [cell(by_engine[name]) if name in by_engine else "–" for name in names]
            ratios = [f"{self.ratio(work, name):.2f} {name}" for name in names
                      if name != "mydocker" and self.ratio(work, name) is not None]
            yield f"| {work} | " + " | ".join(cells) + " | " + ", ".join(ratios) + " |"

    def write_tsv(self, path):
        with open(path, "w") as f:
            f.write("work\tengine\tsamples\tmedian\tmin\tmax\n")
            for work, by_engine in self.samples.items():
                for name, values in by_engine.items():
                    f.write(f"{work}\t{name}\t{len(values)}\t{statistics.median(values):.3f}\t{min(values):.3f}\t"
                            f"{max(values):.3f}\n")


def cell(values):
    median = statistics.median(values)
    digits = 1 if median < 1000 else 0
    return f"{median:.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def plotting():
    """matplotlib, which draws without a display."""
    import matplotlib
    matplotlib.use("svg")
    # The same figures give the same file.
    matplotlib.rcParams["svg.hashsalt"] = "mydocker"
    import matplotlib.pyplot
    return matplotlib.pyplot


def save(figure, path):
    figure.savefig(path, metadata={"Date": None})
    # Its license, like that of every file.
    with open(path) as f:
        text = f.read()
    with open(path, "w") as f:
        f.write(text.replace("<svg ", "<!-- SPDX-License-Identifier: LGPL-2.1-or-later -->\n<svg ", 1))


def plot_ratios(results, path):
    """How many times as long the others take: a row for each work, logarithmic."""
    pyplot = plotting()
    works = [work for work in results.samples if any(results.ratio(work, name) for name in results.names()
                                                    if name != "mydocker")][::-1]
    figure, axes = pyplot.subplots(figsize=(9, 0.35 * len(works) + 1.5))
    for marker, name in zip("o^vsDP*Xph", [name for name in results.names() if name != "mydocker"]):
        points = [(1 / results.ratio(work, name), row) for row, work in enumerate(works)
                  if results.ratio(work, name)]
        axes.plot([x for x, _ in points], [y for _, y in points], marker, label=name, alpha=0.8)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_yticks(range(len(works)), works)
    axes.grid(axis="y", alpha=0.3)
    axes.set_xlabel("times mydocker's median (right of the line: slower or larger than mydocker)")
    axes.legend(loc="lower right")
    figure.tight_layout()
    save(figure, path)


def machine():
    """What the figures depend on."""
    with open("/proc/cpuinfo") as f:
        cpu = next((line.split(":")[1].strip() for line in f if line.startswith("model name")), "unknown CPU")
    return f"{time.strftime('%Y-%m-%d')}, Linux {os.uname().release}, {os.cpu_count()} × {cpu}"

