"""Campaigns' files: what is wrong in them, each at its place and in plain words; and the shipped ones are right."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadence.doors.campaigns.load import Loaded, load_campaigns
from cadence.policy.load import from_mapping, load_policy
from cadence.policy.policy import Policy
from cadence.send.desk import TemplateDesk

GOOD = """name: letter
category: newsletter
audience: {where: {country: [SE, NO], orders: {at_least: 1}}}
schedule: {cron: "0 10 * * TUE", zone: contact}
template: {subject: "Spring, {{ first_name }}", html: spring.html, text: "Text"}
expires: 3d
"""


@pytest.fixture(scope="module")
def policy() -> Policy:
    content = """
version: 1
categories: {newsletter: {consent: opt_in, was: [letters]}, promotion: {}}
segments: [{name: all, cadence: {caps: {max: 2, per: 7d}}}]
"""
    return from_mapping(content).required()


def loaded(folder: Path, policy: Policy, *contents: str) -> Loaded:
    for number, content in enumerate(contents):
        (folder / f"{number}.yaml").write_text(content, encoding="utf-8")
    (folder / "spring.html").write_text("<p>{{ first_name }}</p>", encoding="utf-8")
    return load_campaigns(folder, policy, TemplateDesk(), attributes={"first_name"})


def test_a_good_one_is_read_with_its_defaults(tmp_path: Path, policy: Policy) -> None:
    found = loaded(tmp_path, policy, GOOD)
    (campaign,) = found.campaigns
    assert found.fine
    assert (campaign.spec.channel, campaign.first_state, campaign.spec.collapsing) == ("email", "running", "newest")


CASES = [
    ("category: newsletter", "category: newsleter", "0.yaml:2:11", "did you mean newsletter?"),
    ("expires: 3d", "expires: 3 days", "0.yaml:6:10", "3 days"),
    ("expires: 3d", "expirse: 3d", "0.yaml:6:1", "did you mean expires?"),
    ('cron: "0 10 * * TUE"', 'cron: "0 25 * * TUE"', "0.yaml:4:18", "field 2 (hour) is '25'"),
    ("zone: contact", "zone: Europe/Stokholm", "0.yaml:4:40", "Europe/Stockholm"),
    ('cron: "0 10 * * TUE", zone: contact', "trigger: cart, wait: 24h", "0.yaml:4:21", "isn't built yet"),
    ('cron: "0 10 * * TUE", zone: contact', "trigger: purchas", "0.yaml:4:21", "did you mean purchase?"),
    ('cron: "0 10 * * TUE", zone: contact', "zone: contact", "0.yaml:4:11", "one of cron, at and trigger"),
    ('cron: "0 10 * * TUE"', "at: 2026-04-07", "0.yaml:4:16", "local time like"),
    ("html: spring.html", "html: summer.html", "0.yaml:5:11", "summer.html"),
    ("html: spring.html", "html: ../spring.html", "0.yaml:5:11", "leads out of the folder"),
    ("{{ first_name }}", "{{ first_nam }}", "0.yaml:5:21", "did you mean first_name?"),
    ("{{ first_name }}", "{{ first_name", "0.yaml:5:21", "unexpected end"),
    ("orders: {at_least: 1}", "orders: {at_leest: 1}", "0.yaml:3:48", "at_least"),
    ("{where: {country: [SE, NO], orders: {at_least: 1}}}", "{file: list.csv}", "0.yaml:3:18", "No such file"),
    ("{where: {country: [SE, NO], orders: {at_least: 1}}}", "{file: /etc/passwd}", "0.yaml:3:18", "own folder"),
    ("audience: {where: {country: [SE, NO], orders: {at_least: 1}}}\n", "", "0.yaml:1:1", "needs the key 'audience'"),
    ("expires: 3d", "stop_on: [buy]", "0.yaml:6:10", "must be one of"),
    ("expires: 3d", "at_most: {per_run: 0}", "0.yaml:6:20", "at least 1"),
    ("expires: 3d", "channel: fax", "0.yaml:6:10", "must be one of email"),
    ("expires: 3d", "still_if: {where: {consent: newsleter}}", "0.yaml:6:", "newsletter"),
]


@pytest.mark.parametrize(("before", "after", "place", "says"), CASES, ids=[c[1][:40] for c in CASES])
def test_what_is_wrong_is_named_at_its_place(
    tmp_path: Path, policy: Policy, before: str, after: str, place: str, says: str
) -> None:
    assert before in GOOD
    found = loaded(tmp_path, policy, GOOD.replace(before, after))
    told = [str(f) for f in found.findings if f.level == "error"]
    assert any(place in one and says in one for one in told), told
    assert found.campaigns == ()


@pytest.mark.parametrize(
    ("locale", "subject"),
    [
        *(("nb-NO", "Vår"), ("no", "Vår"), ("no-NO", "Vår"), ("nn_NO", "Vår")),
        *(("pt_BR", "Primavera aí"), ("pt-PT", "Primavera"), ("sv", "Spring"), (None, "Spring")),
    ],
)
def test_each_locale_has_the_words_of_its_language(
    tmp_path: Path, policy: Policy, locale: str | None, subject: str
) -> None:
    said = {"nb": "Vår", "pt-BR": "Primavera aí", "pt": "Primavera"}
    words = ", ".join(f"{name}: {{subject: {text}, text: x}}" for name, text in said.items())
    content = GOOD.replace(
        'template: {subject: "Spring, {{ first_name }}", html: spring.html, text: "Text"}',
        f"template: {{subject: Spring, text: x, translations: {{{words}}}}}",
    )
    (campaign,) = loaded(tmp_path, policy, content).campaigns

    assert campaign.template.words_for(locale).subject == subject


def translated(name: str) -> str:
    """A good campaign with one translation."""
    return GOOD.replace(
        'html: spring.html, text: "Text"}', f'text: "Text", translations: {{"{name}": {{subject: S, text: T}}}}}}'
    )


@pytest.mark.parametrize("name", ["sv", "pt-BR", "pt_br", "zh-Hant-TW", "es-419", "smj"])
def test_a_translation_for_a_locale_is_fine(tmp_path: Path, policy: Policy, name: str) -> None:
    assert loaded(tmp_path, policy, translated(name)).findings == ()


@pytest.mark.parametrize("name", ["dk", "swedish", "sv-SEE", "s", "", "Svenska språket"])
def test_a_translation_for_what_is_no_locale_is_warned_of_at_its_place(
    tmp_path: Path, policy: Policy, name: str
) -> None:
    found = loaded(tmp_path, policy, translated(name))

    assert found.fine
    assert [str(f).partition("0.yaml:")[2][:14] for f in found.findings] == ["5:78: warning:"]


def test_a_broken_template_file_is_named_with_its_line(tmp_path: Path, policy: Policy) -> None:
    loaded(tmp_path, policy, GOOD)
    (tmp_path / "spring.html").write_text("<p>\n{% if x %}\n", encoding="utf-8")
    found = load_campaigns(tmp_path, policy, TemplateDesk(), attributes={"first_name"}).findings
    assert str(found[0]).startswith(str(tmp_path / "spring.html") + ":")


def test_without_contacts_an_unknown_variable_is_a_warning(tmp_path: Path, policy: Policy) -> None:
    loaded(tmp_path, policy, GOOD)
    found = load_campaigns(tmp_path, policy, TemplateDesk())
    assert {f.level for f in found.findings} == {"warning"}
    assert len(found.campaigns) == 1


def test_a_broken_file_keeps_no_other_from_being_read(tmp_path: Path, policy: Policy) -> None:
    found = loaded(tmp_path, policy, "name: [", GOOD)
    assert [c.name for c in found.campaigns] == ["letter"]
    assert not found.fine


def test_two_of_one_name_are_an_error_at_the_second_also_under_an_old_name(tmp_path: Path, policy: Policy) -> None:
    found = loaded(tmp_path, policy, GOOD, GOOD.replace("name: letter", "name: other\nwas: [letter]"))
    (one,) = found.findings
    assert "1.yaml:1:7" in str(one)
    assert "taken already" in str(one)
    assert [c.name for c in found.campaigns] == ["letter"]


def test_a_category_by_its_old_name_is_warned_of(tmp_path: Path, policy: Policy) -> None:
    found = loaded(tmp_path, policy, GOOD.replace("category: newsletter", "category: letters"))
    assert found.fine
    assert "is called newsletter now" in str(found.findings[0])


def test_a_channel_that_nobody_here_sends_on_is_an_error(tmp_path: Path, policy: Policy) -> None:
    loaded(tmp_path, policy, GOOD.replace("expires: 3d", "channel: sms"))
    found = load_campaigns(tmp_path, policy, TemplateDesk(), attributes={"first_name"}, channels={"email"})
    assert "nothing here sends on the channel sms" in str(found.findings[0])


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path, policy: Policy) -> None:
    assert "no such folder" in str(load_campaigns(tmp_path / "none", policy, TemplateDesk()).findings[0])


def test_content_is_the_same_under_another_name_and_another_with_other_words(tmp_path: Path, policy: Policy) -> None:
    other = GOOD.replace("name: letter", "name: other")
    changed = GOOD.replace("name: letter", "name: third").replace('text: "Text"', 'text: "Words"')
    one, two, three = (c.content for c in loaded(tmp_path, policy, GOOD, other, changed).campaigns)
    assert one == two != three


def test_content_is_what_the_campaign_calls_it(tmp_path: Path, policy: Policy) -> None:
    named = GOOD + "content: hats\n"
    other = named.replace("name: letter", "name: other").replace("Spring", "Last chance")
    assert [c.content for c in loaded(tmp_path, policy, named, other).campaigns] == ["hats", "hats"]


@pytest.mark.parametrize(
    "changed",
    [
        GOOD + "variables: {season: spring}\n",
        GOOD.replace("Spring, ", "Summer, "),
        GOOD.replace('text: "Text"}', 'text: "Text", translations: {sv: {subject: "Vår", text: "Text"}}}'),
    ],
)
def test_content_is_another_with_another_subject_language_or_variable_of_the_run(
    tmp_path: Path, policy: Policy, changed: str
) -> None:
    one, two = (
        c.content for c in loaded(tmp_path, policy, GOOD, changed.replace("name: letter", "name: other")).campaigns
    )
    assert one != two


def test_content_is_the_same_whoever_it_is_sent_to_and_when(tmp_path: Path, policy: Policy) -> None:
    other = GOOD.replace("name: letter", "name: other").replace("SE, NO", "DE").replace("TUE", "WED")
    one, two = (c.content for c in loaded(tmp_path, policy, GOOD, other).campaigns)
    assert one == two


@given(st.text(max_size=200))
def test_whatever_a_file_holds_it_is_findings_and_no_exception(
    tmp_path_factory: pytest.TempPathFactory, junk: str
) -> None:
    folder = tmp_path_factory.mktemp("junk")
    content = from_mapping("version: 1\nsegments: [{name: all}]\n").policy
    if content is None:
        pytest.fail("the smallest policy no longer loads")
    (folder / "junk.yaml").write_bytes(junk.encode("utf-8", "surrogatepass"))
    assert load_campaigns(folder, content, TemplateDesk()).campaigns == ()


@pytest.mark.parametrize("attributes", [None, {"plan"}, {"first_name", "last_name"}])
def test_the_shipped_campaigns_are_right_under_the_shipped_policy(project: Path, attributes: set[str] | None) -> None:
    policy = load_policy(project / "config" / "policy.yaml")
    found = load_campaigns(project / "config" / "campaigns", policy, TemplateDesk(), attributes=attributes)
    assert [str(f) for f in found.findings] == []
    assert len(found.campaigns) == 5
