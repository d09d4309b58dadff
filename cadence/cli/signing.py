"""The secret that signs the way out in each mail: where it comes from, and that all daemons of a database have the same.

The database keeps a fingerprint of it, never the secret. What is signed with it is `send/wayout.py`'s matter.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
from collections.abc import Collection, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from cadence.facts import instant
from cadence.send.wayout import SHORTEST_SECRET
from cadence.settings import Settings
from cadence.store import Store, StoreError, changes, status

_NOTE = "secret"
_PURPOSE = b"cadence fingerprint\0"
_SAME = "Set the same CADENCE_SECRET as everywhere else (or copy var/secret)"


def signing_secret(settings: Settings) -> bytes:
    """The secret that signs the way out: from the settings, else made once and kept in `var/` for its owner only. ValueError
    where it is too short to keep anybody from guessing it."""
    found, place = _found(settings)
    if len(found) < SHORTEST_SECRET:
        raise ValueError(
            f"{place} has {len(found)} bytes, and the secret that signs the way out needs {SHORTEST_SECRET} or more: put there "
            "what `openssl rand -hex 32` prints, the same on every machine"
        )
    return found


def secret_to_look_at(settings: Settings) -> bytes:
    """The secret for what is only looked at: the one there is, else one for this once, kept nowhere. ValueError as above."""
    if settings.secret is None and not _kept(settings).exists():
        return secrets.token_bytes(SHORTEST_SECRET)
    return signing_secret(settings)


def _found(settings: Settings) -> tuple[bytes, str]:
    """The secret, and where it was found."""
    if settings.secret is not None:
        return settings.secret.get_secret_value().encode(), "CADENCE_SECRET"
    path = _kept(settings)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = path.with_name(f".secret.{os.getpid()}")
        made.touch(mode=0o600)
        made.write_text(secrets.token_hex(32))
        with contextlib.suppress(FileExistsError):
            os.link(made, path)
        made.unlink()
    return path.read_text("ascii").strip().encode(), str(path)


def _kept(settings: Settings) -> Path:
    """Where one is kept that was made here."""
    return settings.var / "secret"


def fingerprint(secret: bytes) -> str:
    """What tells one secret from another, and nothing of it."""
    return hmac.digest(secret, _PURPOSE, sha256).hex()[:32]


def settle_secret(store: Store, settings: Settings, now: int) -> None:
    """Sees to it that everybody who writes mail for this database signs with one secret: the first one's is kept.

    Raises StoreError where this one is another, or there is none here yet (then none is made), and says what to do."""
    check_secret(store, settings)
    mine = {"fingerprint": fingerprint(signing_secret(settings)), "since": now}
    with store.write() as conn:
        _must_be(status.keep_note(conn, _NOTE, mine), settings)


def check_secret(store: Store, settings: Settings) -> None:
    """The same for who writes a mail and settles nothing: where no secret is known yet, any may sign."""
    with store.read() as conn:
        known = status.note(conn, _NOTE)
    if known is not None and settings.secret is None and not _kept(settings).exists():
        raise StoreError(
            f"mails of this database are signed with a secret since {_day(known)}, and these settings have none: without it "
            f"unsubscribe addresses signed here could not be read there, nor those of old mails here. {_SAME}; where it is "
            "lost, stop all daemons and start one with `cadence run --agree-secret`"
        )
    if known is not None:
        _must_be(known, settings)


def _must_be(known: Mapping[str, Any], settings: Settings) -> None:
    """StoreError where the secret of these settings isn't the known one."""
    if not hmac.compare_digest(known["fingerprint"], fingerprint(signing_secret(settings))):
        raise StoreError(
            f"the secret in these settings isn't the one that mails of this database are signed with since {_day(known)}: "
            f"unsubscribe addresses signed here could not be read there, nor those of old mails here. {_SAME}; where it was "
            "changed on purpose, stop all daemons and start one with `cadence run --agree-secret`"
        )


def _day(known: Mapping[str, Any]) -> str:
    return instant(known["since"]).date().isoformat()


def agree_secret(store: Store, secret: bytes, now: int, by: str, living: Collection[str]) -> None:
    """An admin says that this is the secret from now on. Who it was is on the record. Raises StoreError while daemons are
    at work: they sign with the one before."""
    if living:
        raise StoreError(
            f"daemons are at work, and sign with the secret there was: stop {', '.join(sorted(living))} first"
        )
    with store.write() as conn:
        status.save_note(conn, _NOTE, {"fingerprint": fingerprint(secret), "since": now})
        changes.note(conn, "agree_secret", by, now)
