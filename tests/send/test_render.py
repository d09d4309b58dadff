"""Rendering: what a contact's mail says, and what a template may not do."""

from __future__ import annotations

from pathlib import Path

import pytest

from cadence.send.render import MAX_RENDERED, TemplateRefused, load_template


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of templates, with a file outside of it."""
    (tmp_path / "secret.html").write_text("secret")
    templates = tmp_path / "templates"
    templates.mkdir()
    (templates / "spring.html").write_text("<p>Hej {{ first_name }}</p>\n{% include 'foot.html' %}", encoding="utf-8")
    (templates / "foot.html").write_text("<p>Våren\n{{ town }}</p>", encoding="utf-8")
    (templates / "spring.txt").write_text("Hej {{ first_name }} & co", encoding="utf-8")
    return templates


def test_files_and_inline_templates_render_alike(folder: Path) -> None:
    template = load_template("Till {{ first_name }}", "spring.html", "Hej {{ first_name }}", folder)
    rendered = template.render({"first_name": "Åsa", "town": "Umeå"})
    assert rendered.subject == "Till Åsa"
    assert rendered.html == "<p>Hej Åsa</p>\n<p>Våren\nUmeå</p>"
    assert rendered.text == "Hej Åsa"


def test_html_escapes_and_text_does_not(folder: Path) -> None:
    rendered = load_template("{{ n }}", "<p>{{ n }}</p>", "{{ n }}", folder).render({"n": '<b> & "x"'})
    assert (rendered.subject, rendered.text) == ('<b> & "x"', '<b> & "x"')
    assert rendered.html == "<p>&lt;b&gt; &amp; &#34;x&#34;</p>"


def test_html_alone_gets_a_text(folder: Path) -> None:
    assert load_template("s", "<p>Hej <b>då</b></p>").render({}).text == "Hej då\n"


def test_text_alone_gets_no_html(folder: Path) -> None:
    rendered = load_template("s", None, "spring.txt", folder).render({"first_name": "Bo"})
    assert (rendered.html, rendered.text) == (None, "Hej Bo & co")


def test_neither_is_refused() -> None:
    with pytest.raises(TemplateRefused, match="at least one"):
        load_template("s")


def test_a_missing_variable_names_it_with_file_and_line(folder: Path) -> None:
    template = load_template("s", "spring.html", None, folder)
    with pytest.raises(TemplateRefused, match=r"^foot\.html, line 2: 'town' is undefined"):
        template.render({"first_name": "Bo"})


def test_a_missing_variable_of_an_inline_template_names_the_part() -> None:
    with pytest.raises(TemplateRefused, match=r"^text, line 3: 'x' is undefined"):
        load_template("s", None, "a\nb\n{{ x }}").render({})


def test_a_default_fills_a_gap() -> None:
    assert load_template("Hej {{ n | default('vän') }}", None, "x").render({}).subject == "Hej vän"


def test_a_template_may_ask_whether_a_variable_is_there() -> None:
    template = load_template("Hej{% if n %} {{ n }}{% endif %}{{ '!' if not m }}", None, "x")
    assert template.render({}).subject == "Hej!"


def test_nobody_reads_dear_none() -> None:
    with pytest.raises(TemplateRefused, match="'n' is undefined"):
        load_template("Dear {{ n }}", None, "x").render({"n": None})


def test_a_template_that_fails_is_refused_with_its_reason() -> None:
    with pytest.raises(TemplateRefused, match=r"^text, line 1: division by zero"):
        load_template("s", None, "{{ 1 / n }}").render({"n": 0})


def test_a_syntax_error_names_file_and_line(folder: Path) -> None:
    (folder / "bad.html").write_text("a\n{% if x %}\nb")
    with pytest.raises(TemplateRefused, match=r"^bad\.html, line 2: "):
        load_template("s", "bad.html", None, folder)


@pytest.mark.parametrize(
    "name", ["../secret.html", "/etc/passwd.txt", "x/../../secret.html", "..\\secret.html", "a\0.html"]
)
def test_a_path_out_of_the_folder_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(TemplateRefused, match="leads out of the folder"):
        load_template("s", name, None, folder)


def test_an_include_out_of_the_folder_is_refused(folder: Path) -> None:
    template = load_template("s", "{% include '../secret.html' %}", None, folder)
    with pytest.raises(TemplateRefused, match="leads out of the folder"):
        template.render({})


def test_a_link_out_of_the_folder_is_refused(folder: Path) -> None:
    (folder / "link.html").symlink_to(folder.parent / "secret.html")
    with pytest.raises(TemplateRefused, match="leads out of the folder"):
        load_template("s", "link.html", None, folder)


def test_a_file_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(TemplateRefused, match=r"nowhere\.html: No such file"):
        load_template("s", "nowhere.html", None, folder)


def test_a_file_in_another_encoding_is_refused(folder: Path) -> None:
    (folder / "latin.html").write_bytes("Våren".encode("latin-1"))
    with pytest.raises(TemplateRefused, match="is not UTF-8"):
        load_template("s", "latin.html", None, folder)


def test_a_file_name_without_a_folder_is_refused() -> None:
    with pytest.raises(TemplateRefused, match="no folder"):
        load_template("s", "spring.html")


def test_a_changed_file_counts_from_the_next_load(folder: Path) -> None:
    load_template("s", None, "spring.txt", folder)
    (folder / "spring.txt").write_text("new")
    assert load_template("s", None, "spring.txt", folder).render({}).text == "new"


@pytest.mark.parametrize(
    "attack",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ n.__init__.__globals__ }}",
        "{{ self.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__.os }}",
        "{{ ''.format.__self__ }}",
        "{{ '{0.__class__}'.format(1) }}",
        "{{ l.append(1) }}",
        "{% for x in range(10000000) %}{% endfor %}",
    ],
)
def test_the_sandbox_holds(attack: str) -> None:
    with pytest.raises(TemplateRefused):
        load_template("s", None, attack).render({"n": object(), "l": []})


def test_a_mail_without_end_is_refused() -> None:
    attack = "{% for a in range(1000) %}{% for b in range(1000) %}xxxxxxxxxx{% endfor %}{% endfor %}"
    with pytest.raises(TemplateRefused, match=str(MAX_RENDERED)):
        load_template("s", None, attack).render({})


def test_the_subjects_ends_are_trimmed() -> None:
    assert load_template("  Hej\n", None, "x").render({}).subject == "Hej"


@pytest.mark.parametrize("odd", ["a\r\nb", "a\nb", "a\x00\x1bb", "a\u2028b"], ids=repr)
def test_the_subject_is_one_line(odd: str) -> None:
    assert load_template("{{ odd }}", None, "x").render({"odd": odd}).subject == "a b"
