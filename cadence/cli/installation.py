"""An installation put together from its settings: database, clock, policy, campaigns, providers, way out, the daemon's jobs.

Here, and only here, the parts meet; each knows nothing of the others. Nothing is decided.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from functools import partial
from hashlib import sha256
from typing import Any

from pydantic import BaseModel

from cadence.cli.screen import warn
from cadence.cli.signing import agree_secret, check_secret, secret_to_look_at, settle_secret, signing_secret
from cadence.clock import Clock, RealClock, system_micros
from cadence.daemon import CAMPAIGNS, CAMPAIGNS_BROKEN, Daemon, Jobs, Options, Pace, Report, unsettled_jump
from cadence.decide.needs import needs
from cadence.doors.campaigns.campaign import Campaign
from cadence.doors.campaigns.load import Loaded, load_campaigns
from cadence.doors.campaigns.plan import plan
from cadence.facts import DAY, HOUR, MINUTE, SECOND, instant
from cadence.log import logger
from cadence.policy.load import load_policy
from cadence.policy.policy import Policy
from cadence.providers.letter import Mailbox
from cadence.providers.maildir.inbox import Inbox
from cadence.providers.provider import Provider
from cadence.providers.registry import PROVIDERS
from cadence.queue.endings import UNWRITTEN
from cadence.queue.leases import living, this_process
from cadence.queue.outlets import Outlet
from cadence.queue.rates import Rate
from cadence.queue.reload import PolicyFiles
from cadence.receive.mailbox import read_mailbox
from cadence.send.desk import TemplateDesk
from cadence.send.headers import mailbox
from cadence.send.letters import Letters, letters_of
from cadence.send.wayout import WayOut, open_way_out
from cadence.settings import Settings, read, strangers
from cadence.store import Store, leases, status
from cadence.store.ask import ask_held_by
from cadence.store.cards import attribute_names, every_attribute_name
from cadence.store.engine import now_of
from cadence.store.prune import prune

_log = logger("installation")


@dataclass(frozen=True, slots=True)
class Installation:
    """One installation's parts, opened."""

    settings: Settings
    store: Store

    @classmethod
    def open(
        cls,
        settings: Settings | None = None,
        *,
        new: bool = False,
        update: bool = False,
        judged: bool = False,
        tell: Callable[[str], None] = warn,
    ) -> Installation:
        """Open the database.

        new: make the database where there is none. StoreError otherwise: who asks in the wrong folder must not hear
        that nothing waits. update: that, and bring the tables of an older release up to date; StoreError otherwise. judged:
        what comes in is judged by the policy, so PolicyError where that can't be read, before anything is made. tell: hears
        of variables that set nothing, and of tables of a newer release that serve this one; by default whoever reads the
        screen."""
        chosen = settings or read(Settings)
        tell_strangers(tell)
        if judged:
            load_policy(chosen.policy)
        store = Store.open(chosen.database_url, made=not (new or update))
        if update:
            store.migrate()
        there = store.check()
        if there.found is None:
            store.migrate()
        if there.newer:
            by = f" ({there.brought_by})" if there.brought_by else ""
            tell(
                f"the database is at revision {there.found}, of a newer release{by}; this one, which knows up to "
                f"{there.known}, can work with it as it is"
            )
        return cls(chosen, store)

    def campaigns(self, policy: Policy) -> Loaded:
        """The campaigns in the folder of the settings, checked against a policy and what contacts have."""
        if not self.settings.campaigns.is_dir():
            return Loaded((), ())
        with self.store.read() as conn:
            some = attribute_names(conn)
        found = campaigns_of(self.settings, policy, some)
        if found.fine:
            return found
        with self.store.read() as conn:  # what is missing may be a variable that few have
            every = every_attribute_name(conn)
        return found if every == some else campaigns_of(self.settings, policy, every)

    def way_out(self, *, looked_at: bool = False) -> WayOut | None:
        """The way out of marketing mail; None where no mailbox is set up for it. A local maildir always has one; a provider
        that reaches real people only if it is set up. looked_at: only, and sent to nobody. ValueError where the secret is
        too short."""
        domain = self._way_out_domain()
        if domain is None:
            return None
        secret = secret_to_look_at(self.settings) if looked_at else signing_secret(self.settings)
        return open_way_out(f"unsubscribe@{domain}", {0: secret})

    def _way_out_domain(self) -> str | None:
        if self.settings.unsubscribe_domain is not None:
            return self.settings.unsubscribe_domain
        return "cadence.example" if self.settings.provider == Settings.model_fields["provider"].default else None

    def check_secret(self) -> None:
        """StoreError where a mail written here would be signed with another secret than the daemons'."""
        if self._way_out_domain() is not None:
            check_secret(self.store, self.settings)

    def letters(self, policy: Policy, campaigns: tuple[Campaign, ...], *, looked_at: bool = False) -> Letters:
        """What writes the letters of these campaigns. looked_at: only, and sent to nobody. ValueError where the sender of
        the settings is none."""
        name, address = parseaddr(self.settings.sender)
        mailbox("CADENCE_SENDER", Mailbox(address, name))  # one that is none would have every letter refused
        defaults = policy.defaults
        way_out = self.way_out(looked_at=looked_at)
        return letters_of(campaigns, Mailbox(address, name), way_out, defaults.locale, defaults.timezone)

    def provider(self) -> Provider:
        """The provider of e-mail, opened with its own settings. ValueError for a name that is none."""
        name = self.settings.provider
        if name not in PROVIDERS:
            raise ValueError(f"CADENCE_PROVIDER: there is no provider {name!r}; there are {', '.join(PROVIDERS)}")
        module = PROVIDERS[name]
        settings: BaseModel = read(module.Settings, name)
        if "path" in module.Settings.model_fields and "path" not in settings.model_fields_set:
            settings = settings.model_copy(update={"path": self.settings.var / "maildir"})
        return module.open(settings)

    def daemon(self, clock: Clock, options: Options, watch: Callable[[Report], None] = lambda report: None) -> Daemon:
        """The daemon of this installation. Raises StoreError where it would sign with another secret than the others."""
        files = PolicyFiles(self.settings.policy)
        policy = files.read()
        if self._way_out_domain() is not None:
            settle_secret(self.store, self.settings, self.clock_now())
        desk = CampaignDesk(self, policy)
        provider = self.provider()
        per_second = self.settings.send_per_second
        rate = None if per_second is None else Rate(per_second, max(1, int(per_second)))
        ways: Mapping[str, Outlet] = {provider.channel: Outlet(provider, rate, None if clock.virtual else now_of)}
        inbox, way_out = Inbox(self.settings.var / "unsubscribe"), self.way_out()
        if way_out is None:
            _log.error(
                "no way out is set up, so marketing is refused; set CADENCE_UNSUBSCRIBE_DOMAIN", provider=provider.name
            )
        if (domain := self.settings.unsubscribe_domain) is not None and not (inbox.path / "new").is_dir():
            _log.warning(
                "no mailbox of the way out lies on this machine: unless another daemon's has it, nobody who wants out is heard; "
                "have your mail system deliver there",
                mailbox=str(inbox.path.absolute()),
                mail_for=f"unsubscribe@{domain}",
            )
        jobs = Jobs(
            letters_for=desk.letters_for,
            lacks=desk.lacks,
            plan=desk.plan,
            campaigns=desk.told,
            mailbox=partial(read_mailbox, self.store, inbox, way_out) if way_out is not None else None,
            housekeeping=lambda now, shards: prune(self.store, now, self.kept(), needs(desk.policy).reach, shards),
        )
        return Daemon(self.store, clock, files, ways, jobs, options, watch)

    def now(self) -> int:
        """When something done by hand is done: by the real clock, never before the latest instant that was decided at.
        Where a daemon lives on a virtual clock, that instant."""
        with self.store.read() as conn:
            latest = status.latest_now(conn)
            virtual = any(abs(d["clock_now"] - d["heartbeat_at"]) > DAY for d in status.daemons(conn))
        return latest if virtual and latest is not None else self.real_clock(lambda sentence: None).now()

    def clock_now(self) -> int:
        """The instant by the database's clock; on SQLite by the machine's."""
        with self.store.read() as conn:
            return now_of(conn)

    def real_clock(self, tell: Callable[[str], None] = lambda sentence: _log.warning(sentence)) -> RealClock:
        """The database's clock where it has one, else the machine's. tell: hears when it stepped back."""
        with self.store.read() as conn:
            latest = status.latest_now(conn)
        off = system_micros() - self.clock_now()
        if abs(off) > MINUTE:
            way = "ahead of" if off > 0 else "behind"
            tell(
                f"this machine's clock is {abs(off) / HOUR:.1f} h {way} the database's; decisions go by the database's, this "
                "log and the dates in mails by the machine's: set it right"
            )
        return RealClock(self.clock_now, latest, unsettled_jump(self.store), tell=tell)

    def living(self) -> set[str]:
        """The daemons that show signs of life."""
        with self.store.read() as conn:
            lease = int(self.settings.lease_seconds * SECOND)
            return living(leases.signs(conn), this_process(), now_of(conn), lease)

    def agree_secret(self, by: str) -> None:
        """An admin says that mails are signed with the secret of these settings from now on. StoreError while daemons are
        at work."""
        agree_secret(self.store, signing_secret(self.settings), self.clock_now(), by, self.living())

    def kept(self) -> dict[str, int]:
        """How long rows of each table are kept, in microseconds."""
        kept = self.settings.retention
        days = {"decision": kept.decisions, "message": kept.messages, "touch": kept.touches, "event": kept.events}
        days["campaign_run"] = kept.messages
        return {table: n * DAY for table, n in days.items()}


class CampaignDesk:
    """The campaigns of the daemon: read when it starts and again when their files or the policy change.

    Broken ones are told of, and go on as they were before they broke. They are read again every hour: what they name of
    contacts may have come in meanwhile."""

    def __init__(self, installation: Installation, policy: Policy) -> None:
        self._installation, self.policy = installation, policy
        self._seen: object = None
        self._campaigns: tuple[Campaign, ...] = ()
        self._broken: list[str] = []
        self._asked, self._again_at = False, 0
        self._letters = installation.letters(policy, ())
        self._read(policy, 0)

    def plan(self, policy: Policy, now: int) -> int | None:
        """Queue what is due; when there is something to plan next."""
        self._read(policy, now)
        if not self._asked:
            with self._installation.store.write() as conn:
                ask_held_by(conn, UNWRITTEN, now, "the campaigns' files have changed")
            self._asked = True
        done = plan(self._installation.store, policy, self._campaigns, now)
        if done.accepted or done.missed:
            at = instant(now).isoformat(timespec="seconds")
            _log.info("plan", now=at, runs=done.runs, queued=done.accepted, missed=done.missed)
        return done.next_due

    def told(self) -> dict[str, str]:
        """What a daemon tells of its campaigns: a hash of what all say, so that daemons with other files can be told apart, and
        what is wrong with those that are broken."""
        said = sorted(f"{c.name} {c.hash}" for c in self._campaigns)
        told = {CAMPAIGNS: sha256("\n".join(said).encode()).hexdigest()}
        return {**told, CAMPAIGNS_BROKEN: self._broken[0]} if self._broken else told

    def letters_for(self, conn: Any, messages: Any) -> Any:
        """Letters for decided messages: see `queue.handover.LettersFor`."""
        return self._letters(conn, messages)

    def lacks(self, campaign: str) -> str | None:
        """Why a campaign's letters can't be written as its files are now; None: they can be."""
        return self._letters.lacks(campaign)

    def _read(self, policy: Policy, now: int) -> None:
        folder = self._installation.settings.campaigns
        files = sorted(p for p in folder.rglob("*") if p.is_file()) if folder.is_dir() else []
        seen = (policy.hash, *((str(p), p.stat().st_mtime_ns, p.stat().st_size) for p in files))
        if seen == self._seen and not (self._broken and now >= self._again_at):
            return
        loaded = self._installation.campaigns(policy)
        told = [str(f) for f in loaded.findings if f.level == "error"]
        if told and told != self._broken:
            _log.error("some campaigns are broken; as they were before, they go on", errors=told)
        names = {n for c in loaded.campaigns for n in c.names}
        before = self._campaigns if told else ()
        self._campaigns = (*loaded.campaigns, *(c for c in before if c.name not in names))
        self.policy = policy
        self._letters = self._installation.letters(policy, self._campaigns)
        self._broken, self._again_at = told, now + HOUR
        self._seen, self._asked = seen, False  # not before: where the database was away they are read again


def campaigns_of(settings: Settings, policy: Policy, attributes: Collection[str] = ()) -> Loaded:
    """The campaigns in the folder of the settings, if there is one. attributes: the names that contacts have; none: nobody
    is known yet."""
    if not settings.campaigns.is_dir():
        return Loaded((), ())
    return load_campaigns(settings.campaigns, policy, TemplateDesk(), attributes=attributes or None)


def tell_strangers(tell: Callable[[str], None] = warn) -> None:
    """Tell of variables that look like settings and set nothing: without the setting that was meant a command may look into
    another database."""
    for stranger in strangers({name: module.Settings for name, module in PROVIDERS.items()}):
        tell(stranger)


def options_of(settings: Settings, **changed: Any) -> Options:
    """How the daemon runs, from the settings."""
    return Options(
        batch=settings.batch,
        hand_over_within=int(settings.hand_over_within * SECOND),
        lease=int(settings.lease_seconds * SECOND),
        ask_again_rate=settings.ask_again_rate,
        pace=Pace(tick=settings.tick_seconds),
        **changed,
    )
