"""A plain text from HTML, for campaigns that give only HTML: the words, in order, with links spelled out.

Simple and honest: nothing is summarised or laid out. Not a browser and no sanitiser; who wants a better text writes
one beside the HTML. Tags are found by one expression (the standard library's parser makes 1,400 mails a second), which
takes what isn't a tag for words.
"""

import re
from html import unescape

_TAG = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|<[!?][^>]{0,8000}+>"
    # attributes may hold < and > between quotes; a quote that is never closed ends with the tag; all has limits, lest a
    # page of broken tags is read to its end for each of them
    r"|<(?P<end>/?)(?P<name>[A-Za-z][A-Za-z0-9:-]*+)"
    r"(?P<attributes>(?>[^<>\"']++|\"[^\"]{0,4000}+\"|'[^']{0,4000}+'){0,200}+(?=>)|[^>]{0,8000}+)>",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r"([A-Za-z-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")
_UNSEEN = frozenset(["script", "style", "head", "title", "template", "noscript", "svg"])
_PARAGRAPHS = frozenset(["p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "blockquote", "pre", "hr"])
_LINES = frozenset(
    [
        *("address", "article", "aside", "center", "dd", "div", "dl", "dt", "figure", "footer", "form", "header", "li"),
        *("main", "nav", "section", "tr"),
    ]
)
_SPACE = re.compile(r"[ \t\r\n\f]+")
_MANY_LINES = re.compile(r"\n{3,}")


def plain_text(html: str) -> str:
    """The HTML's words as text: paragraphs apart, list items with a dash, links as `words (address)`, images by alt."""
    reader = _Reader()
    at = 0
    for tag in _TAG.finditer(html):
        if tag.start() > at:
            reader.words(html[at : tag.start()])
        at = tag.end()
        if tag["name"]:
            reader.tag(tag["name"].lower(), tag["attributes"], ends=bool(tag["end"]))
    reader.words(html[at:])
    lines = (line.strip(" ") for line in "".join(reader.out).split("\n"))
    return _MANY_LINES.sub("\n\n", "\n".join(lines)).strip("\n") + "\n"


class _Reader:
    """Writes words and breaks as tags pass by."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self._unseen = ""
        self._links: list[tuple[str, int]] = []

    def words(self, words: str) -> None:
        """What stands between two tags."""
        if self._unseen or not words:
            return
        if "&" in words:
            words = unescape(words)
        words = _SPACE.sub(" ", words)
        if words.startswith(" "):
            self._space()
            words = words[1:]
        if words:
            self.out.append(words)

    def tag(self, name: str, attributes: str, *, ends: bool) -> None:
        """A tag, its name in small letters."""
        if self._unseen:
            # a head may go without its end, but never past the body's begin
            if (ends and name == self._unseen) or name == "body":
                self._unseen = ""
        elif name in _PARAGRAPHS:
            self._break("\n\n")
        elif name in _LINES:
            self._break("\n")
            if name == "li" and not ends:
                self.out.append("- ")
        elif name == "a":
            self._end_link() if ends else self._links.append((_value(attributes, "href"), len(self.out)))
        elif ends:
            return
        elif name in _UNSEEN:
            self._unseen = "" if attributes.endswith("/") else name
        elif name == "br":
            self.out.append("\n")
        elif name in ("td", "th"):
            self._space()
        elif name == "img":
            self.words(_value(attributes, "alt"))

    def _end_link(self) -> None:
        if not self._links:
            return
        address, start = self._links.pop()
        words = "".join(self.out[start:]).strip()
        if address and not address.startswith("#") and address.removeprefix("mailto:") not in words:
            self.out.append(f" ({address})" if words else address)

    def _space(self) -> None:
        if self.out and not self.out[-1].endswith(("\n", " ")):
            self.out.append(" ")

    def _break(self, lines: str) -> None:
        if self.out and not (lines == "\n" and self.out[-1].endswith("\n")):
            self.out.append(lines)


def _value(attributes: str, name: str) -> str:
    for found in _ATTRIBUTE.finditer(attributes):
        if found[1].lower() == name:
            return unescape(found[2] or found[3] or found[4] or "")
    return ""
