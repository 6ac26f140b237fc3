"""How wrong a change fail rate is: the figures of teams whose failures were drawn, and the truth.

.venv/bin/python -m benchmarks.chance
.venv/bin/python -m benchmarks.chance --teams 20 --deploys 1

Each cell has teams that are alike. The exit code is 1 if a limit is missed. The whole grid takes some hours.
"""

import argparse
from collections.abc import Iterator
from functools import partial
from multiprocessing import Pool, pool

from benchmarks import harness
from tests.support.figures import grid
from tests.support.figures.known_truth import Cell, Measured, measured


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare the change fail rate with a known truth.")
    parser.add_argument("--teams", type=int, default=200, help="teams of one repository in a cell")
    parser.add_argument("--together", type=int, default=20, help="teams of sixty repositories in a cell")
    parser.add_argument("--deploys", type=float, nargs="+", default=grid.DEPLOYS, choices=grid.DEPLOYS)
    parser.add_argument("--processes", type=int)
    given = parser.parse_args()
    print(grid.HEAD, flush=True)
    with Pool(given.processes) as workers:
        found = dict(_measured(workers, list(grid.cells(given.deploys)), given))
    harness.judged(list(grid.misses(found)))


def _measured(
    workers: pool.Pool, cells: list[Cell], given: argparse.Namespace
) -> Iterator[tuple[Cell, Measured]]:
    look = partial(_look, given.teams, given.together)
    for cell, found in zip(cells, workers.imap(look, cells), strict=True):
        print(grid.row(cell, found), flush=True)
        yield cell, found


def _look(teams: int, together: int, cell: Cell) -> Measured:
    return measured(cell, teams if cell.repositories == 1 else together)


if __name__ == "__main__":
    main()
