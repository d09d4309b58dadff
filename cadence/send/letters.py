"""Writing letters, late: a message at hand-over, its campaign's template and what is known of the contact by then.

Made once for a set of campaigns, with their templates compiled, and handed to the hand-over. A letter that can't be
written (a variable is missing, a header is unsafe) is named with the reason and keeps no other from being written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Connection

from cadence.facts import instant
from cadence.providers.letter import Letter, Mailbox
from cadence.queue.handover import Outgoing
from cadence.queue.handover import Rendered as Written
from cadence.send.headers import as_name
from cadence.send.letter import Envelope, HeaderRefused, compose
from cadence.send.render import MailTemplate, Rendered, TemplateMissing, TemplateRefused, load_template
from cadence.send.templates import check_template
from cadence.send.wayout import WayOut
from cadence.store.cards import Card, cards_of

LETTER = "letter"
"""The key in a message's variables under which a caller's own words stand: {subject, html, text}, sent as they are."""
NO_FILE = "there is no template: campaign {!r} isn't among the campaigns' files"


class Words(Protocol):
    """Subject and body in one language."""

    @property
    def subject(self) -> str:
        """A template."""

    @property
    def html(self) -> str | None:
        """A template or the name of its file."""

    @property
    def text(self) -> str | None:
        """A template or the name of its file."""


class Languages(Words, Protocol):
    """The same in several languages."""

    @property
    def translations(self) -> Mapping[str, Words]:
        """By locale."""

    def words_for(self, locale: str | None) -> Words:
        """Those for a locale, else the default ones."""


class Campaign(Protocol):
    """As much of a campaign as its letters need."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def names(self) -> Sequence[str]:
        """That, and what older messages call it."""

    @property
    def category(self) -> str:
        """What it is to the contact."""

    @property
    def template(self) -> Languages:
        """What it says."""

    @property
    def folder(self) -> Path:
        """Where its template files are."""

    @property
    def variables(self) -> Mapping[str, Any]:
        """For the template, besides the contact's own."""


@dataclass(frozen=True)
class Letters:
    """Writes the letters of these campaigns. Calling it is what the hand-over does: see `queue.handover.LettersFor`."""

    campaigns: Mapping[str, Campaign]
    sender: Mailbox
    way_out: WayOut | None
    default_locale: str
    default_zone: str
    _compiled: dict[tuple[str, int], MailTemplate] = field(default_factory=dict, repr=False)

    def __call__(self, conn: Connection, messages: Sequence[Outgoing]) -> Written:
        """Letters for these messages, by their ids, and why some can't be written."""
        cards = cards_of(conn, [(m.shard, m.contact) for m in messages])
        letters: dict[int, Letter] = {}
        failed: dict[int, str] = {}
        missing: dict[int, str] = {}
        for message in messages:
            card = cards.get(message.contact)
            if card is None:
                failed[message.id] = "the contact is no longer there"
                continue
            try:
                letters[message.id] = self._letter(message, card)
            except TemplateMissing as error:
                missing[message.id] = str(error)
            except (TemplateRefused, HeaderRefused) as error:
                failed[message.id] = str(error)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one letter, the others are to be written
                failed[message.id] = f"it can't be written: {type(error).__name__}: {error}"
        return Written(letters, failed, missing)

    def lacks(self, name: str) -> str | None:
        """Why a campaign's letters can't be written, in one language or all, as its files are now; None: they can be."""
        campaign = self.campaigns.get(name)
        if campaign is None:
            return NO_FILE.format(name)
        for words in (campaign.template, *campaign.template.translations.values()):
            found = check_template(words.subject, words.html, words.text, campaign.folder, known=None)
            if errors := [str(finding) for finding in found if finding.severity == "error"]:
                return errors[0]
        return None

    def preview(self, campaign: Campaign, card: Card, email: str, marketing: bool, message_id: int = 0) -> Rendered:
        """A campaign as one contact would read it now, but that its way out stops nobody. Raises `TemplateRefused`
        where it can't be written for them."""
        way_out = self.way_out.uri(0, message_id) if self.way_out is not None and marketing else ""
        return self._rendered(campaign, card, self._variables(campaign.name, campaign.category, card, email, way_out))

    def test_letter(self, campaign: Campaign, card: Card, to: str, message_id: int, at: int, marketing: bool) -> Letter:
        """The same as a letter to one of our own people: marked as a test, no touch of the contact, and its way out
        stops nobody. Raises `TemplateRefused` and `HeaderRefused`."""
        seen = self.preview(campaign, card, to, marketing, message_id)
        envelope = Envelope(
            message_id=message_id,
            contact_id=0,
            to=Mailbox(to),
            sender=self.sender,
            category=campaign.category,
            marketing=marketing,
            at=at,
            campaign=campaign.name,
            headers=(("X-Cadence-Test", campaign.name),) if campaign.name.isascii() else (("X-Cadence-Test", "yes"),),
        )
        return compose(envelope, Rendered(f"[test] {seen.subject}", seen.html, seen.text), self.way_out)

    def _letter(self, message: Outgoing, card: Card) -> Letter:
        campaign = self.campaigns.get(message.campaign or "")
        way_out = self.way_out.uri(card.id, message.id) if self.way_out is not None and message.marketing else ""
        own = message.variables.get(LETTER)
        if isinstance(own, Mapping):
            rendered = _own_words(own)
        elif campaign is None:
            raise TemplateMissing(NO_FILE.format(message.campaign))
        else:
            variables = self._variables(campaign.name, message.category, card, message.address, way_out)
            rendered = self._rendered(campaign, card, {**variables, **message.variables})
        name = as_name(" ".join(str(card.attributes.get(k) or "") for k in ("first_name", "last_name")))
        envelope = Envelope(
            message_id=message.id,
            contact_id=card.id,
            to=Mailbox(message.address, name),
            sender=self.sender,
            category=message.category,
            marketing=message.marketing,
            at=message.decided_at,
            campaign=message.campaign,
            locale=self._language(campaign, card) if campaign is not None and own is None else None,
        )
        return compose(envelope, rendered, self.way_out)

    def _language(self, campaign: Campaign, card: Card) -> str | None:
        """The language of the words that a contact gets, where the campaign says it: those of a translation."""
        locale = card.locale or self.default_locale
        words = campaign.template.words_for(locale)
        return next((name for name, those in campaign.template.translations.items() if those is words), None)

    def _rendered(self, campaign: Campaign, card: Card, variables: Mapping[str, object]) -> Rendered:
        words = campaign.template.words_for(card.locale or self.default_locale)
        place = (campaign.name, id(words))
        if place not in self._compiled:
            try:
                self._compiled[place] = load_template(words.subject, words.html, words.text, campaign.folder)
            except TemplateRefused as error:
                raise TemplateMissing(str(error)) from None
        return self._compiled[place].render({**campaign.variables, **variables})

    def _variables(self, name: str, category: str, card: Card, email: str, unsubscribe: str) -> dict[str, object]:
        """What a template can name: `desk.VARIABLES`, and every attribute of the contact that isn't called like one. None
        is missing, and so is what nobody knows."""
        zone = card.zones[0] if card.zones else self.default_zone
        return {
            **card.attributes,
            "id": card.outside_id or str(card.id),
            "email": email or None,
            "country": card.country or None,
            "region": card.region or None,
            "timezone": zone,
            "locale": card.locale or self.default_locale,
            "household": card.household or None,
            "account": card.account or None,
            "orders": card.attributes.get("orders", card.orders),
            "spend": card.attributes.get("spend", card.spend),
            "first_purchase": _local(card.first_purchase, zone),
            "last_purchase": _local(card.last_purchase, zone),
            "campaign": name,
            "category": category,
            "unsubscribe": unsubscribe or None,
        }


def letters_of(
    campaigns: Iterable[Campaign], sender: Mailbox, way_out: WayOut | None, default_locale: str, default_zone: str
) -> Letters:
    """What writes the letters of these campaigns, as `sender`, with `way_out` in marketing."""
    return Letters({name: c for c in campaigns for name in c.names}, sender, way_out, default_locale, default_zone)


def _own_words(own: Mapping[str, Any]) -> Rendered:
    """A caller's own words, as they are. Raises `TemplateRefused` where one is no text."""
    for part in ("subject", "html", "text"):
        if not isinstance(own.get(part), str | None):
            raise TemplateRefused(f"{LETTER}.{part} is {own[part]!r}; it must be a text")
    return Rendered(own.get("subject") or "", own.get("html"), own.get("text"))


def _local(at: int | None, zone: str) -> datetime | None:
    """An instant on the contact's wall clock, for templates."""
    return None if at is None else instant(at).astimezone(ZoneInfo(zone) if zone != "UTC" else UTC)
