"""A plain text from HTML: the words in order, links spelled out, nothing that isn't seen."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadence.send.plain import plain_text


@pytest.mark.parametrize(
    "html,text",
    [
        ("<p>Hej   då,\n Anna</p><p>Ny vår</p>", "Hej då, Anna\n\nNy vår\n"),
        ("a<br>b<br/>c", "a\nb\nc\n"),
        ("<ul><li>one</li><li>two</li></ul>", "- one\n- two\n"),
        ('<a href="https://a.example/x">Read on</a> now', "Read on (https://a.example/x) now\n"),
        ('<a href="https://a.example">https://a.example</a>', "https://a.example\n"),
        ('<a href="mailto:a@b.example">a@b.example</a>', "a@b.example\n"),
        ('<a href="https://a.example"><img src="x.png" alt="Our shop"></a>', "Our shop (https://a.example)\n"),
        ('<a href="https://a.example"></a>', "https://a.example\n"),
        ('<a href="#top">Up</a>', "Up\n"),
        ("<head><title>T</title><style>p {}</style></head><script>x</script>Seen", "Seen\n"),
        ("&lt;b&gt; &amp; &aring;&nbsp;&#x1F980;", "<b> & å\xa0🦀\n"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc\n"),
        ("<b>bold</b>er, <i>a</i> <b>b</b>", "bolder, a b\n"),
        ("<!-- hidden <p> -->x", "x\n"),
        ("<head><title>T</title><body>Seen", "Seen\n"),
        ('<a title="a > b" href=https://a.example>x</a>', "x (https://a.example)\n"),
        ("<p title='never closed>x</p>", "x\n"),
        ("3 < 4 and 5 > 2", "3 < 4 and 5 > 2\n"),
        ('<img alt="a &amp; b">', "a & b\n"),
        ("<P>Up</P><DIV>down</DIV>", "Up\n\ndown\n"),
        ("", "\n"),
    ],
)
def test_the_words_come_through(html: str, text: str) -> None:
    assert plain_text(html) == text


@given(st.text(max_size=200) | st.text("<>/&;a =\"'!-p\n", max_size=200))
def test_no_html_is_too_broken(html: str) -> None:
    assert plain_text(html).endswith("\n")


@pytest.mark.parametrize("broken", ["<a href=\"x '", "<a ", "<!--"])
def test_twice_as_many_broken_tags_take_about_twice_the_time(broken: str) -> None:
    def seconds(n: int) -> float:
        begun = time.process_time()
        plain_text(broken * n)
        return time.process_time() - begun

    assert min(seconds(40_000) for _ in range(3)) < 16 * max(min(seconds(10_000) for _ in range(3)), 0.001)


def test_deep_nesting_is_no_trouble() -> None:
    assert plain_text("<div>" * 20_000 + "x" + "</div>" * 20_000) == "x\n"
