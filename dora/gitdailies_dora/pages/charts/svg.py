"""The marks of a drawing as SVG: no style, no script and no id, which the policy of the pages refuses.

`style.css` has the looks, by the classes of the marks, in light and dark. Text is escaped here.
"""

from collections.abc import Iterable

from markupsafe import Markup, escape


def svg(css: str, label: str, width: float, height: float, marks: Iterable[Markup]) -> Markup:
    """Return a drawing that is read aloud as its label. The page decides its size."""
    drawn = Markup("").join(marks)
    role = "group" if "<a " in drawn else "img"
    size = f"{number(width)} {number(height)}"
    return Markup(  # noqa: S704  escaped
        f'<svg class="{escape(css)}" role="{role}" aria-label="{escape(label)}" viewBox="0 0 {size}">'
        f"{drawn}</svg>"
    )


def fixed(css: str, label: str, width: int, height: int, marks: Iterable[Markup]) -> Markup:
    """Return a drawing of a fixed size in pixels, whose label is shown under the pointer, too."""
    drawing = svg(css, label, width, height, [Markup("<title>{}</title>").format(label), *marks])
    return drawing.replace("<svg", Markup(f'<svg width="{width}" height="{height}"'), 1)  # noqa: S704  numbers


def rect(
    x: float, y: float, width: float, height: float, css: str = "", title: str = "", *, href: str = ""
) -> Markup:
    """Return a rectangle; browsers show its *title* under the pointer. With *href*, it is a link.

    The keyboard passes over a link: a drawing has many, and the table below has the same ones.
    """
    at = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'
    if not title:
        return Markup(f"<rect{_class(css)} {at}/>")  # noqa: S704  numbers
    drawn = f"<rect{_class(css)} {at}><title>{escape(title)}</title></rect>"
    linked = f'<a href="{escape(href)}" tabindex="-1" aria-label="{escape(title)}">{drawn}</a>'
    return Markup(linked if href else drawn)  # noqa: S704  escaped


def circle(x: float, y: float, radius: float, css: str = "") -> Markup:
    """Return a dot."""
    at = f'cx="{number(x)}" cy="{number(y)}" r="{number(radius)}"'
    return Markup(f"<circle{_class(css)} {at}/>")  # noqa: S704  numbers


def path(css: str, *steps: str | float) -> Markup:
    """Return a line of steps: letters and numbers."""
    drawn = " ".join(step if isinstance(step, str) else number(step) for step in steps)
    return Markup(f'<path{_class(css)} d="{escape(drawn)}"/>')  # noqa: S704  escaped


def text(x: float, y: float, words: str, anchor: str, css: str = "") -> Markup:
    """Return words that begin at x, end there, or have their middle there: start, end, middle."""
    at = f'x="{number(x)}" y="{number(y)}" text-anchor="{escape(anchor)}"'
    return Markup(f"<text{_class(css)} {at}>{escape(words)}</text>")  # noqa: S704  escaped


def group(css: str, marks: Iterable[Markup]) -> Markup:
    """Return marks that look alike."""
    return Markup('<g class="{}">{}</g>').format(css, Markup("").join(marks))


def number(value: float) -> str:
    """Write a coordinate with one place, and without a zero behind the point."""
    written = f"{value:.1f}".removesuffix(".0")
    return "0" if written == "-0" else written


def _class(css: str) -> str:
    return f' class="{escape(css)}"' if css else ""
