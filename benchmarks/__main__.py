"""Measure the speed of every loss beside its peers.

    make bench                     everything, about 15 minutes
    make bench QUICK=1             three sizes in float32, under 3 minutes
    make bench PEERS=…/python      PyTorch, Optax and scikit-learn from another Python

    python -m benchmarks --losses huber,poisson --sizes "(1M,)" --peers lossbook,keras

The tables are printed. A whole run is also written down, and the book's page made from it.
"""

import argparse
import sys
from time import monotonic

from benchmarks import page, speed
from benchmarks.cases import CASES, DTYPES, SIZES
from benchmarks.peers import PEERS


def main(words=None):
    """Run the command line."""
    given = read(words)
    results = speed.run(plan_of(given), Progress())
    print(page.summary(results))
    if given.out:
        page.write_results(results, given.out)
    elif narrowed(given):
        print("\nNothing was written: the book's page is made from a whole run, make bench.")
    else:
        page.write_results(results)
        page.main([])


def read(words):
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="the short run: under 3 minutes")
    parser.add_argument("--losses", type=listed(names()), help="such as huber,poisson")
    parser.add_argument("--sizes", "--shapes", type=listed(sizes()), help='such as "(32,10);(1M,)"')
    parser.add_argument("--dtypes", type=listed({one: [one] for one in DTYPES}))
    parser.add_argument("--peers", type=listed({one: [one] for one in PEERS}), help=", ".join(PEERS))
    parser.add_argument("--minutes", type=float, help="how long it should take")
    parser.add_argument("--peer-python", help="another Python, for peers that this one lacks")
    parser.add_argument("--out", help="write the results to this JSON file, and leave the page alone")
    return parser.parse_args(words)


def names():
    """Return what may be asked for: a label, or a loss's name for the loss with all its settings."""
    found = {label: [label] for label in CASES}
    for case in CASES.values():
        found[case.name] = [label for label, one in CASES.items() if one.name == case.name]
    return found


def sizes():
    return {size.replace(" ", ""): [size] for size in SIZES}


def listed(known):
    """Return a reader of lists, parted by commas or, where names hold commas, by semicolons."""

    def reader(text):
        parts = text.split(";") if "(" in text else text.split(",")
        keys = [part.replace(" ", "") for part in parts if part.strip()]
        unknown = [key for key in keys if key not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is not one of {', '.join(known)}")
        return tuple(one for key in keys for one in known[key])

    return reader


def narrowed(given):
    """Tell whether less than the whole was asked for."""
    return any((given.quick, given.losses, given.sizes, given.dtypes, given.peers))


def plan_of(given):
    """Turn the command line into a plan."""
    changes = {
        "labels": given.losses,
        "sizes": given.sizes,
        "dtypes": given.dtypes,
        "peers": given.peers and tuple(dict.fromkeys(("lossbook", *given.peers))),
        "minutes": given.minutes,
        "peer_python": given.peer_python,
    }
    changes = {key: value for key, value in changes.items() if value}
    return speed.quick_plan(**changes) if given.quick else speed.Plan(**changes)


class Progress:
    """One line on a terminal, written over; elsewhere a line now and then."""

    WIDTH = 24
    EVERY = 15.0  # seconds

    def __init__(self, stream=sys.stderr):
        self.stream = stream
        self.began = self.last = monotonic()
        self.on_terminal = stream.isatty()

    def __call__(self, done, total, text):
        now = monotonic()
        share = done / total
        minutes, seconds = divmod(int(now - self.began), 60)
        line = f"{share:4.0%} {minutes}:{seconds:02d} {text}"
        if self.on_terminal:
            bar = "█" * round(share * self.WIDTH)
            self.stream.write(f"\r\x1b[K{bar:·<{self.WIDTH}} {line}" + ("\n" if done == total else ""))
        elif done in (0, total) or now - self.last > self.EVERY:
            self.last = now
            self.stream.write(line + "\n")
        self.stream.flush()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("Stopped: nothing was written.")
