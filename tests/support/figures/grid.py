"""The grid: cells of teams whose failures were drawn, what the figures say of them, and the limits."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from tests.support.figures.known_truth import Cell, Measured

# Deploys a day, minutes until half of the failures are found, load in office hours, days between two outside
# incidents of a repository, and the part of the deploys that fails.
DEPLOYS, FOUND, LOAD = (0.14, 1, 3, 10), (5, 20, 60, 180), (1, 3, 6)
OUTSIDE, FAILS = (2, 7, 30, 200), (0.01, 0.05, 0.15)
TOGETHER = 60
HEAD = (
    "deploys a day | repositories | found after min | load | outside every d | fails | deploys at"
    " | failed ÷ true | value ÷ true | with a value | in range | width"
)
# Where failures are found soon: value ÷ true; rework ÷ true, and under load; recovery ÷ true.
VALUE, REWORK, LOADED_REWORK, RECOVERY = (0.8, 1.25), (0.75, 1.3), (0.75, 1.45), (0.9, 1.15)
# Teams whose truth is in the range: over all cells, and in each.
IN_RANGE, IN_RANGE_OF_CELL = 0.95, 0.9


def cells(deploys: Sequence[float]) -> Iterator[Cell]:
    """Yield the cells; people deploy at any time in every second one, else in office hours."""
    axes = product(deploys, FOUND, LOAD, OUTSIDE, FAILS)
    for number, (a_day, found, load, outside, fails) in enumerate(axes):
        one = Cell(a_day, found, load, outside, fails, office=bool(number % 2))
        yield one
        if a_day <= 1:
            yield one._replace(repositories=TOGETHER, alike=bool(number // 2 % 2))


def row(cell: Cell, found: Measured) -> str:
    """Write a row of the table."""
    place = cell.repositories if cell.alike else f"{cell.repositories} unlike"
    when = "office hours" if cell.office else "any time"
    return (
        f"{cell.deploys:g} | {place} | {cell.found} | {cell.load} | {cell.outside}"
        f" | {cell.fails:.0%} | {when}"
        f" | {_ratio(found.failed, found.true):.2f} | {_ratio(found.value, found.true):.2f}"
        f" | {found.with_value:.0%} | {found.in_range:.0%} | {found.width:.1%}"
    )


def misses(found: Mapping[Cell, Measured]) -> Iterator[str]:
    """Yield what missed a limit: ratios of sums by deploys, time until found and load, and ranges."""
    groups: dict[tuple[float, int, int, bool], list[Measured]] = defaultdict(list)
    for cell, one in found.items():
        # Half of the failures are found within half of the median gap between two deploys.
        is_found_soon = cell.found <= one.gap / 2
        groups[cell.deploys, cell.found, cell.load, is_found_soon].append(one)
        if one.in_range < IN_RANGE_OF_CELL:
            expected = f"the truth in {IN_RANGE_OF_CELL:.0%} of the ranges"
            yield f"{cell}: expected {expected}, got {one.in_range:.0%}"
    print(
        "deploys a day | found after min | load | soon | cells | failed ÷ true | value ÷ true"
        " | rework ÷ true | recovery"
    )
    for (deploys, after, load, soon), of in groups.items():
        failed, value, true, rework, true_rework, recovery, true_recovery, *_ = map(
            sum, zip(*of, strict=True)
        )
        ratios = {
            "value": (_ratio(value, true), VALUE),
            "rework": (_ratio(rework, true_rework), REWORK if load == 1 else LOADED_REWORK),
            "recovery": (_ratio(recovery, true_recovery), RECOVERY),
        }
        shown = " | ".join(f"{ratio:.2f}" for ratio, _ in ratios.values())
        place = f"{deploys:g} | {after} | {load} | {'yes' if soon else 'no'} | {len(of)}"
        print(f"{place} | {_ratio(failed, true):.2f} | {shown}")
        for name, (ratio, (low, high)) in ratios.items():
            if soon and not low <= ratio <= high:
                where = f"{deploys:g} deploys a day, found after {after} min, load {load}"
                yield f"{where}: expected {name} ÷ true from {low} to {high}, got {ratio:.2f}"
    share = sum(one.in_range for one in found.values()) / len(found)
    print(f"the truth is in {share:.1%} of the ranges")
    if share < IN_RANGE:
        yield f"expected the truth in {IN_RANGE:.0%} of all ranges, got {share:.1%}"


def _ratio(found: float, true: float) -> float:
    return found / true if true else float("nan")
