"""A campaign's message to one contact, as the queue takes it."""

from __future__ import annotations

from cadence.doors.campaigns.campaign import Campaign
from cadence.facts import NEVER
from cadence.queue.accept import NewMessage
from cadence.store.audience import Happening, Member
from cadence.store.campaigns import Run

SOURCE = "campaign"
"""The door that campaigns' messages come by."""


def message_for(campaign: Campaign, run: Run, wall: str, member: Member, expires_at: int) -> NewMessage:
    """The message of one occurrence."""
    return _message(
        campaign, member, key_for(campaign.name, wall, member), run.id, run.due_at, run.due_at, expires_at, None
    )


def key_for(campaign: str, wall: str, member: Member) -> str:
    """What the message of one occurrence is known by: the campaign's name, wall-clock time and contact, so that someone who
    moves to another zone meanwhile doesn't get the same occurrence twice."""
    return f"{campaign}/{wall}/{member.id}"


def message_after(campaign: Campaign, run: int, happening: Happening, due_at: int, expires_at: int) -> NewMessage:
    """The message that an event triggers; known by the campaign's name and the event."""
    return _message(
        campaign,
        happening.member,
        key_after(campaign.name, happening),
        run,
        happening.at,
        due_at,
        expires_at,
        happening.at,
    )


def key_after(campaign: str, happening: Happening) -> str:
    """What the message that an event triggers is known by."""
    return f"{campaign}/event/{happening.event}"


def _message(
    campaign: Campaign,
    member: Member,
    caller_key: str,
    run: int,
    created_at: int,
    due_at: int,
    expires_at: int,
    trigger_at: int | None,
) -> NewMessage:
    spec = campaign.spec
    collapse = {"newest": f"campaign:{spec.name}", "oldest": f"oldest:campaign:{spec.name}", "all": None}[
        spec.collapsing
    ]
    return NewMessage(
        category=spec.category,
        source=SOURCE,
        contact=(member.shard, member.id),
        channel=spec.channel,
        caller_key=caller_key,
        created_at=created_at,
        due_at=due_at,
        expires_at=None if expires_at == NEVER else expires_at,
        campaign=spec.name,
        run=run,
        content=campaign.content,
        thread=spec.thread,
        topic=spec.topic,
        tags=tuple(spec.tags),
        trigger_kind=spec.schedule.trigger,
        trigger_at=trigger_at,
        priority=spec.priority,
        value=spec.value,
        about=spec.about,
        collapse=collapse,
        stop_on=tuple(spec.stop_on),
    )
