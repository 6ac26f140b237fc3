"""Generated parts of the pages at the root: how to start, CI platforms, independence, where to report.

How to start depends on what is published. Before the first release, it is what works in a clone.
"""

from collections.abc import Mapping
from pathlib import Path

from scripts.generators import platform_pages, replace
from scripts.platforms import folders
from scripts.releasing import published
from scripts.releasing.published import Published

INDEPENDENT = "This project is independent of GitDailies, which neither makes nor supports it."
_RUN = (
    "docker run --rm -it --name gitdailies -p 127.0.0.1:8700:8700 -p 127.0.0.1:8701:8701 "
    "-v gitdailies:/data {image} up"
)
_CLONE = f"""
Nothing is published yet. In a clone of this repository, with Docker:

```sh
docker build --file deployment/Dockerfile --tag gitdailies .
{_RUN.format(image="gitdailies")}
```

Or with Python 3.11 or newer and `make`:

```sh
make run
```

Pass options of `gitdailies up` through `ARGS`: `make run ARGS="--relay-port 9701"`.
With Docker, the command is `docker exec gitdailies gitdailies`. To pass a variable, such as a token, type
`docker exec --env NAME gitdailies gitdailies`. After `make run`, the command is
`.venv/bin/gitdailies`; `export PATH="$PWD/.venv/bin:$PATH"` makes it `gitdailies`.
"""
_PUBLISHED = f"""
With Docker:

```sh
{_RUN}
```

Or with Python 3.11 or newer and uv:

```sh
uv tool install '{{package}}[all]=={{version}}'
gitdailies up
```

With Docker, the command is `docker exec gitdailies gitdailies`. It sees a variable, such as a token, only by
`docker exec --env NAME gitdailies gitdailies`.
"""


def texts(root: Path) -> Mapping[str, str]:
    """Return README.md and SECURITY.md with fresh generated parts."""
    names = published.of(root)
    readme = (root / "README.md").read_text("utf-8")
    for name, body in (
        ("start", start(names)),
        ("platforms", platform_pages.links(folders(root))),
        ("independence", names.project.home.affiliation or INDEPENDENT),
    ):
        readme = replace(readme, name, body)
    security = (root / "SECURITY.md").read_text("utf-8")
    return {"README.md": readme, "SECURITY.md": replace(security, "report", report(names))}


def start(names: Published) -> str:
    """Say how to start both servers on one machine."""
    image, package = names.image(), names.project.registries.package
    if not image or not package:
        return _CLONE
    return _PUBLISHED.format(image=image, package=package, version=names.version)


def report(names: Published) -> str:
    """Say where to report a vulnerability."""
    page = 'Use "Report a vulnerability" on the Security tab of this repository'
    mail = names.project.home.security
    return f"{page}, or write to {mail}." if mail else f"{page}."
