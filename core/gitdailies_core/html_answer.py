"""Whether an answer is a web page. Pure.

A sign-in page, a captive portal and a single-page app answer 200 to everything, so such a 2xx says
nothing about the event.
"""

from __future__ import annotations

import re

_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
# How much of a body decides. Comments before a page's first tag are short.
_LOOKED_AT = 4096
# What may stand before the first tag: white space, comments, an XML declaration.
_BEFORE = r"(?:\s+|<!--.*?-->|<\?xml.*?\?>)+"
# The tags that mean HTML, as browsers decide (WHATWG, MIME Sniffing, 7.1), and `meta` and `noscript`.
_PAGE = (
    r"<(?:!doctype|html|head|title|meta|body|script|noscript|style|iframe|h1|div|font|table|a|b|br|p)[\s/>]"
    r"|<!--"
)


def is_html(content_type: str, body_start: bytes) -> bool:
    """Return whether an answer is a web page, by its Content-Type header or by how its body begins.

    Without a body it is none, and JSON is none, whatever the header says: some servers call every
    answer HTML.
    """
    text = _text(body_start[:_LOOKED_AT])
    rest = text.lstrip()
    if rest.startswith("<"):
        before = re.match(_BEFORE, text, re.DOTALL)
        rest = text[before.end() :] if before else text
        if re.match(_PAGE, rest, re.IGNORECASE) or (not rest and "<!--" in text):
            return True
    kind = content_type.partition(";")[0].partition(",")[0].strip().lower()
    return kind in _TYPES and bool(rest) and rest[0] not in "{["


def _text(body: bytes) -> str:
    for mark, encoding in _BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding, "replace")
    return body.decode("utf-8", "replace")
