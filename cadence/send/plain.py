"""A plain text from HTML, for campaigns that give only HTML: the words, in order, with links spelled out.

Simple and honest: nothing is summarised or laid out. Not a browser and no sanitiser; who wants a better text writes
one beside the HTML.
"""

import re
from html.parser import HTMLParser

_UNSEEN = frozenset({"script", "style", "head", "title", "template", "noscript", "svg"})
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "dd",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tr",
        "ul",
    ]
)
_PARAGRAPHS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "blockquote", "pre", "hr"})
_SPACE = re.compile(r"[ \t\r\n\f]+")
_MANY_LINES = re.compile(r"\n{3,}")


def plain_text(html: str) -> str:
    """The HTML's words as text: paragraphs apart, list items with a dash, links as `words (address)`, images by alt."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = (line.strip(" ") for line in "".join(reader.out).split("\n"))
    return _MANY_LINES.sub("\n\n", "\n".join(lines)).strip("\n") + "\n"


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self._unseen = 0
        self._links: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self._unseen += 1
        elif tag == "br":
            self.out.append("\n")
        elif tag in _BLOCKS:
            self._break(tag)
            if tag == "li":
                self.out.append("- ")
        elif tag in ("td", "th"):
            self._space()
        elif tag == "img" and not self._unseen:
            self.out.append(dict(attrs).get("alt") or "")
        elif tag == "a":
            self._links.append((dict(attrs).get("href") or "", len(self.out)))

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif tag in _BLOCKS:
            self._break(tag)
        elif tag == "a" and self._links:
            address, start = self._links.pop()
            words = "".join(self.out[start:]).strip()
            if address and not address.startswith("#") and address.removeprefix("mailto:") not in words:
                self.out.append(f" ({address})" if words else address)

    def handle_data(self, data: str) -> None:
        if self._unseen:
            return
        words = _SPACE.sub(" ", data)
        if words.startswith(" "):
            self._space()
            words = words[1:]
        if words:
            self.out.append(words)

    def _space(self) -> None:
        if self.out and not self.out[-1].endswith(("\n", " ")):
            self.out.append(" ")

    def _break(self, tag: str) -> None:
        if self.out:
            self.out.append("\n\n" if tag in _PARAGRAPHS else "" if self.out[-1].endswith("\n") else "\n")
