"""Record the metrics of an ordinary load that the rules read, for `tests/deployment/test_ordinary_day.py`.

    python -m tests.campaign.alerting.record_day

Two real servers have two minutes of traffic. Both are restarted, as for an upgrade. There are a wrong proof,
a wrong event, a deleted key and an unknown path, as each day has some. A sample of each second is kept.
"""

import json
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import groupby
from pathlib import Path

from tests.campaign.alerting.prometheus import RULES
from tests.campaign.alerting.scene import Scene, scene
from tests.support import postgresql
from tests.support.processes import eventually
from tests.support.relay.deliveries import Delivery

DAY = Path(__file__).resolve().parents[2] / "deployment/data/ordinary_day.json"
SECONDS = 120


def main() -> None:
    postgresql.begin_run()
    with ExitStack() as stack:
        stack.callback(postgresql.end_run)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        here = stack.enter_context(scene(folder, "sqlite"))
        eventually(lambda: here.prometheus.knows("relay", "dora"))
        began = time.time()
        for second, act in sorted(_events(here).items()):
            time.sleep(max(0.0, began + second - time.time()))
            act()
        time.sleep(max(0.0, began + SECONDS - time.time()))
        series = dict(_recorded(here, int(began)))
    DAY.write_text(json.dumps(series, indent=0, sort_keys=True) + "\n")


def _events(here: Scene) -> Mapping[int, Callable[[], object]]:
    def restart(server: str) -> None:
        here.servers[server].terminate()
        here.start(server)

    return {
        20: lambda: here.post(Delivery("pagerduty", b"{}", {})),
        30: partial(restart, "dora"),
        50: lambda: here.send({"kind": "deployed"}),
        60: lambda: here.ask("/api/nothing"),
        70: lambda: here.send({}, key="gdk_a_key_that_was_deleted"),
        80: partial(restart, "relay"),
    }


def _recorded(here: Scene, began: int) -> Iterator[tuple[str, str]]:
    for name in sorted({"up", *re.findall(r"gitdailies_\w+", RULES.read_text())}):
        found = here.prometheus.ask(
            "query_range", query=name, start=str(began), end=str(began + SECONDS - 1), step="1s"
        )["result"]
        for one in found:
            labels = {key: text for key, text in one["metric"].items() if key != "__name__"}
            pairs = ",".join(f'{key}="{text}"' for key, text in sorted(labels.items()))
            values = {int(float(at)) - began: float(value) for at, value in one["values"]}
            if name.endswith("_time_seconds"):
                # promtool's clock begins at 0, and a minute of it is a second here.
                values = {at: at * 60 + value - began - at for at, value in values.items()}
            yield f"{name}{{{pairs}}}", _written(values)


def _written(values: Mapping[int, float]) -> str:
    """Write values as promtool reads them: `_` for none, and equal ones in a row as one."""
    texts: Sequence[str] = [f"{values[at]:.6g}" if at in values else "_" for at in range(SECONDS)]
    parts = []
    for text, equal in groupby(texts):
        count = len(list(equal))
        parts.append(f"_x{count}" if text == "_" else text if count == 1 else f"{text}x{count - 1}")
    return " ".join(parts)


if __name__ == "__main__":
    main()
