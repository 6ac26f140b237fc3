"""The generators. Each module has `texts(root)`: the paths to write, and their texts."""

from collections.abc import Iterable, Sequence


def replace(text: str, name: str, body: str) -> str:
    """Put *body* between `<!-- generated: NAME -->` and `<!-- end: NAME -->`.

    Raises ValueError unless *text* has each mark once, in this order.
    """
    start, end = f"<!-- generated: {name} -->\n", f"<!-- end: {name} -->"
    if text.count(start) != 1 or text.count(end) != 1 or text.index(start) > text.index(end):
        raise ValueError(f"{name}: expected {start.strip()} and {end}, each once, in this order")
    head, rest = text.split(start)
    tail = rest.split(end)[1]
    return f"{head}{start}\n{body.strip()}\n\n{end}{tail}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
