"""What is refused in a head that the parser accepts, and why the parser does not know a method. Pure.

Sources: RFC 9112, sections 2.3, 3.2 and 6.1; RFC 9110, sections 9.1 and 9.3.6.
"""

import re
from http import HTTPStatus

NO_REQUEST = "expected a request of HTTP/1.1, got something else"
_NO_HOST = (
    "Host: expected one, a name or an address with or without a port, got another value, none or several"
)
_CODED = "Transfer-Encoding: expected chunked alone, got another coding"
_METHOD = "method: expected one that this server knows, got another one"

# A registered name may be empty, and hold more than DNS allows. A comma would be two hosts.
_HOST = re.compile(rb"([A-Za-z0-9._~!$&'()*+;=%-]*|\[[0-9A-Fa-fv.:]+\])(:[0-9]*)?")
_UNKNOWN_METHOD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ \S+ HTTP/1\.[01]\r\n")
# The parser also takes RTSP, and shows its version as one of HTTP.
_RTSP = re.compile(rb"[A-Z_]+ \S+ RTSP/")

Fault = tuple[HTTPStatus, str]


def head_fault(method: bytes, version: str, fields: list[tuple[bytes, bytes]], data: bytes) -> Fault | None:
    """Return status and reason for a head that is refused, None for any other; *data* holds its end."""
    if version not in ("1.1", "1.0") or (version == "1.0" and _RTSP.match(data)):
        return HTTPStatus.BAD_REQUEST, NO_REQUEST
    if method == b"CONNECT":
        return HTTPStatus.NOT_IMPLEMENTED, _METHOD
    hosts = 0
    for name, value in fields:
        lower = name.lower()
        if lower == b"host":
            hosts += 1
            if not _HOST.fullmatch(value):
                return HTTPStatus.BAD_REQUEST, _NO_HOST
        elif lower == b"transfer-encoding" and value.lower() != b"chunked":
            return HTTPStatus.NOT_IMPLEMENTED, _CODED
    if hosts > 1 or (not hosts and version == "1.1"):
        return HTTPStatus.BAD_REQUEST, _NO_HOST
    return None


def fault_of_no_method(data: bytes) -> Fault:
    """Return status and reason for bytes that begin with no method of the parser's."""
    if _UNKNOWN_METHOD.match(data):
        return HTTPStatus.NOT_IMPLEMENTED, _METHOD
    return HTTPStatus.BAD_REQUEST, NO_REQUEST
