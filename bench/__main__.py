"""`python -m bench [--quick] [NAME …]`: run the benchmarks and write `results/NAME.json` and `results/README.md`."""

import argparse
import importlib
import json
import pkgutil
import sys
import time
from typing import Any

import bench
from bench.figures import RESULTS, as_row, machine

NOT_BENCHMARKS = {"figures"}


def names() -> list[str]:
    """The benchmarks of this folder: modules with a `run` function."""
    found = [module.name for module in pkgutil.iter_modules(bench.__path__)]
    return sorted(name for name in found if not name.startswith("_") and name not in NOT_BENCHMARKS)


def run_one(name: str, *, quick: bool) -> dict[str, Any]:
    """Run one benchmark, print its figures and keep them."""
    where, started = machine(), time.monotonic()
    figures = [as_row(each) for each in importlib.import_module(f"bench.{name}").run(quick=quick)]
    result = {
        "benchmark": name,
        "quick": quick,
        "machine": where,
        "seconds": round(time.monotonic() - started, 1),
        "figures": figures,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
    for row in figures:
        print(f"  {line(row)}")
    return result


def line(row: dict[str, Any]) -> str:
    """One figure for a terminal."""
    against = ""
    if row["ratio"] is not None:
        against = f"   {row['ratio']:.2f}x of {row['peer']} ({row['peer_median']:,.3g})"
    spread = f"{row['minimum']:,.3g} to {row['maximum']:,.3g}, {row['runs']} runs"
    return f"{row['name']}: {row['median']:,.4g} {row['unit']} ({spread}){against}"


def write_table() -> None:
    """Write all kept results as one page."""
    lines = ["# Measured figures", "", "Written by `make bench`; do not edit.", ""]
    for path in sorted(RESULTS.glob("*.json")):
        result = json.loads(path.read_text())
        where = result["machine"]
        lines += [
            f"## {result['benchmark']}",
            "",
            f"{where['at']}, {where['cores']} cores ({where['cpu']}), load {where['load_at_start']} at start"
            + (", quick run" if result["quick"] else ""),
            "",
            "| figure | unit | median | min | max | runs | peer | peer's median | ratio | note |",
            "|-|-|-|-|-|-|-|-|-|-|",
        ]
        for row in result["figures"]:
            peer = f"{row['peer_median']:,.4g}" if row["peer_median"] is not None else ""
            ratio = f"{row['ratio']:.2f}" if row["ratio"] is not None else ""
            lines.append(
                f"| {row['name']} | {row['unit']} | {row['median']:,.4g} | {row['minimum']:,.4g} | "
                f"{row['maximum']:,.4g} | {row['runs']} | {row['peer']} | {peer} | {ratio} | {row['note']} |"
            )
        lines.append("")
    (RESULTS / "README.md").write_text("\n".join(lines))


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *names()], metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="small inputs: does it run at all")
    options = parser.parse_args()
    for name in options.names or names():
        print(name)
        run_one(name, quick=options.quick)
    write_table()
    return 0


if __name__ == "__main__":
    sys.exit(main())
