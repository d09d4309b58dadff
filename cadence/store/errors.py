"""What a database's errors mean, in sentences that say what to do, and how a database is named in them: without its
password.

It knows no table, and raises nothing by itself but what an error of the driver's stands for."""

from __future__ import annotations

import os
import re
import sqlite3
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL

_HARMLESS = {
    *("host", "hostaddr", "port", "dbname", "user", "service", "sslmode", "sslrootcert", "sslcert", "connect_timeout"),
    *("application_name", "target_session_attrs", "load_balance_hosts", "channel_binding", "require_auth"),
}
"""Options of a connection whose values may be shown; those of all others might be secret."""


class StoreError(Exception):
    """The database can't be used as it was asked to be: a sentence that says what to do."""


class StoreNotMade(StoreError):
    """There is no database at that place yet, or none of its tables."""


class StoreUnavailable(StoreError):
    """The database is away, full, lets us not in or not do it, or gave up in the middle: nothing of the transaction was
    written. Asking later may help."""


class StoreBusy(StoreUnavailable):
    """Another writer was in the way (deadlock, serialisation, lock time-out): the transaction may be tried again at
    once."""


def shown(url: URL) -> str:
    """A database as it may be named on a screen and in a log: its URL without password and whatever else might be
    secret."""
    query = {name: value if name in _HARMLESS else "***" for name, value in url.query.items()}
    text = url.set(query=query).render_as_string(hide_password=True)
    return f"the database {text.replace('%2A%2A%2A', '***')}"


@contextmanager
def named_errors(url: URL) -> Iterator[None]:
    """Turns the drivers' errors of a database that is away, closed to us, full or contended into ours; leaves all
    others."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        named = _named(error.orig or error, url, error.connection_invalidated, error.statement or "")
        if named is None:
            raise
        raise named from error
    except sa.exc.TimeoutError as error:
        raise StoreBusy(f"no connection to {shown(url)} became free in time") from error
    except Exception as error:
        named = _named(error, url) if _is_operational(error) else None  # in the middle of connecting
        if named is None:
            raise
        raise named from error


def in_words(error: BaseException) -> str | None:
    """A sentence for an error of the database's that has no name here, with no value in it; None where it is none."""
    told = (error.orig or error) if isinstance(error, sa.exc.DBAPIError) else error
    if not (isinstance(told, sqlite3.Error | sa.exc.DBAPIError) or _is_of_psycopg(told, "Error")):
        return None
    state, kind = getattr(told, "sqlstate", None), type(told).__name__
    # What PostgreSQL says of bad values (22), and of rows that clash (23), may have the values in it.
    cause = kind if state and state[:2] in ("22", "23") else f"{_first_line(told)} ({kind})"
    ours = Path(__file__).parents[1]
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).is_relative_to(ours)]
    place = f", asked for in {Path(frames[-1].filename).relative_to(ours.parent)}:{frames[-1].lineno}" if frames else ""
    return (
        f"the database refused a statement: {cause}{place}; nothing of its transaction was written. Are the tables this "
        "release's (cadence db version)? Then it is a mistake of the program: tell its makers this sentence"
    )


def _named(error: BaseException, url: URL, gone: bool = False, statement: str = "") -> StoreUnavailable | None:
    """Ours for a driver's error; None where it is none of those. gone: the connection is no longer usable."""
    cause = _first_line(error)
    state = getattr(error, "sqlstate", None)
    if state in ("40001", "40P01", "55P03"):
        return StoreBusy(f"{shown(url)}: another writer was in the way ({cause}); the transaction can be tried again")
    if "database is locked" in cause:
        return StoreBusy(
            f"{shown(url)}: another process held it for longer than a writer waits; which one writes so long?"
        )
    full = ("disk is full", "disk I/O error", "No space left", "could not extend file")
    if any(word in cause for word in full) or state == "53100":
        return StoreUnavailable(f"{shown(url)}: the disk is full or failing ({cause}); make room, nothing was lost")
    if state == "25006" or "during recovery" in cause:
        return StoreUnavailable(
            f"{shown(url)} can only be read ({cause}): a standby, or set so by hand? Nothing is decided and nothing goes out "
            "until it takes writes again"
        )
    away = ("unable to open database file", "readonly database", "file is not a database", "malformed")
    if any(word in cause for word in away):
        return StoreUnavailable(f"{shown(url)}: {cause}; look at the path and its permissions")
    if state == "25P03":
        return StoreUnavailable(
            f"{shown(url)}: this process said nothing for too long in the middle of a transaction, and the "
            "server undid it; was the machine asleep?"
        )
    if state == "42501":
        return StoreUnavailable(_not_allowed(url, cause, statement))
    if state is None and _is_operational(error) and (told := _closed(url, cause)) is not None:
        return StoreUnavailable(told)
    if gone or (state is None and _is_operational(error)):
        return StoreUnavailable(f"{shown(url)} is away: {cause}")
    if state is not None and state[:2] in ("08", "53", "57"):
        return StoreUnavailable(f"{shown(url)} is away: {cause}")
    return None


def _not_allowed(url: URL, cause: str, statement: str) -> str:
    """What a role may not do, and what gives it the right."""
    role, database = _role(url), _database(url)
    words = set(re.findall(r"\b[A-Z]{4,}\b", statement))
    if words & {"CREATE", "ALTER", "DROP"} and "TEMP" not in words and "TEMPORARY" not in words:
        mend = (
            f"who makes and updates the tables must own them, and the database: ALTER DATABASE {database} OWNER TO {role}, and, "
            f"in it, REASSIGN OWNED BY whoever made them TO {role}"
        )
        return f"{shown(url)}: the role {role} may not make or change tables there ({cause}); {mend}"
    may = "INSERT" if "COPY" in words else next((w for w in ("INSERT", "UPDATE", "DELETE") if w in words), "SELECT")
    mend = f"GRANT {may} ON ALL TABLES IN SCHEMA public TO {role} lets it; a daemon's role should own them all"
    return f"{shown(url)}: the role {role} may not {may} there ({cause}); {mend}"


# A connection that fails brings no state, only a text, and that in the server's language. What is certain in any of them: a
# server's own words begin with how grave it is and two spaces.
_SERVERS_WORDS = re.compile(r"failed: (\S+: {2}.*)")
_PASSING = ("too many", "remaining connection slots", "starting up", "shutting down", "not yet accepting", "recovery")
_REFUSED = ("authentication failed", "role ", "not permitted to log in", "no such user")


def _closed(url: URL, cause: str) -> str | None:
    """What a server that answers and lets nobody in means, and what opens it; None where none answered, or it says that it
    will soon."""
    role, database = _role(url), _database(url)
    if "no password supplied" in cause:
        return f"{shown(url)}: the server wants a password for the role {role}, and CADENCE_DATABASE_URL has none"
    if cause.startswith("connection is bad: invalid"):
        return f"{shown(url)}: an option in CADENCE_DATABASE_URL has a value that it can't have ({cause})"
    if (found := _SERVERS_WORDS.search(cause)) is None or any(word in cause for word in _PASSING):
        return None
    said = found[1]
    if "permission denied for database" in said:
        return f"{shown(url)}: the role {role} may not open it ({said}); GRANT CONNECT ON DATABASE {database} TO {role} lets it"
    if "no such database" in said or re.search(r'database ".*" does not exist', said):
        return (
            f"there is no database {database} on that server ({shown(url)}); make it there with CREATE DATABASE {database} "
            f"OWNER {role} (or createdb --owner {role} {database}), or name another in CADENCE_DATABASE_URL"
        )
    if "pg_hba.conf" in said:
        return f"{shown(url)}: the server's pg_hba.conf doesn't let the role {role} in from this machine ({said})"
    if any(word in said for word in _REFUSED):
        return f"{shown(url)}: the server refuses the role {role} or its password, as CADENCE_DATABASE_URL has them ({said})"
    return (
        f"{shown(url)}: the server answers, and lets nobody in as {role} ({said}); are database, role and password in "
        "CADENCE_DATABASE_URL right?"
    )


def _role(url: URL) -> str:
    """The role that a URL names, as SQL has it."""
    return _in_sql(url.username or url.query.get("user") or os.environ.get("PGUSER") or "ROLE")


def _database(url: URL) -> str:
    """The database that a URL names, as SQL has it: one called like the role where it names none."""
    return _in_sql(url.database or url.query.get("dbname") or url.username or "NAME")


def _in_sql(name: object) -> str:
    return (
        str(name) if re.fullmatch(r"[a-z_][a-z0-9_]*|[A-Z]+", str(name)) else '"' + str(name).replace('"', '""') + '"'
    )


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _is_operational(error: BaseException) -> bool:
    """Whether it is psycopg's word for what isn't the statement's fault."""
    return _is_of_psycopg(error, "OperationalError")


def _is_of_psycopg(error: BaseException, name: str) -> bool:
    """Whether it is such an error of psycopg's, which is not imported where nobody needs it."""
    return any(c.__module__.startswith("psycopg") and c.__name__ == name for c in type(error).__mro__)
