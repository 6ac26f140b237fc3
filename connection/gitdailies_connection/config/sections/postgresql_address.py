"""The address of a PostgreSQL database, as libpq reads it: several hosts, a service, TLS, a password file."""

import re
from itertools import zip_longest
from urllib.parse import quote

from gitdailies_core.values.secret import Secret

# The passwords that libpq takes.
_SECRETS = {"password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"}
_REMEDY = "; write special characters of a user or a password as %XX"


def parse(text: str) -> tuple[Secret, bool]:
    """Return an address, shown as `postgresql://HOSTS/DATABASE`, and whether it has a password.

    Raises ValueError, which repeats nothing but the name of a parameter.
    """
    try:
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict
    except ImportError:  # no server is installed here that could open it
        return Secret(text, "postgresql://…"), False
    try:
        given = {name: str(value) for name, value in conninfo_to_dict(text).items()}
    except ProgrammingError as error:
        raise ValueError(f"expected postgresql://HOST/DATABASE, got {_fault(str(error), text)}") from None
    # After an @ or a slash in a password, libpq takes its rest for a host, a port or a database.
    if any("@" in given.get(name, "") for name in ("host", "port", "dbname")):
        raise ValueError("expected a user and a password without / and @, got others; write %2F and %40")
    hosts, ports = given.get("host", given.get("hostaddr", "")).split(","), given.get("port", "").split(",")
    if not all(port.isdecimal() and 0 < int(port) < 65536 for port in ports if port):
        raise ValueError(f"expected ports from 1 to 65535, got others{_REMEDY}")
    database, service = given.get("dbname", ""), given.get("service", "")
    if not database and not service:
        raise ValueError("expected postgresql://HOST/DATABASE, got no name of a database")
    named = [f"[{host}]" if ":" in host else quote(host, safe="") for host in hosts]
    places = zip_longest(named, ports if len(ports) > 1 else ports * len(hosts), fillvalue="")
    shown = ",".join(f"{host}:{port}" if port else host for host, port in places)
    known = f"postgresql://{shown}/{database}" + (f"?service={service}" if service else "")
    return Secret(text, known), not _SECRETS.isdisjoint(given)


def user_of(text: str) -> str:
    """Return the user that an address names, or ""."""
    from psycopg.conninfo import conninfo_to_dict

    return str(conninfo_to_dict(text).get("user", ""))


def _fault(reason: str, text: str) -> str:
    """Return what libpq reports, without what it repeats of the address."""
    about, _, repeated = reason.partition(': "')
    unknown = re.match(r"[a-z_]+", repeated) if about == "invalid URI query parameter" else None
    if unknown is not None and f"{unknown[0]}=" in text.rpartition("@")[2]:
        return f"the unknown parameter {unknown[0]}"
    return about.splitlines()[0] + _REMEDY
