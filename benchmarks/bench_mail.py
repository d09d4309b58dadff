"""How fast a mail is rendered and composed, on one core, beside the standard library's way (the same template, sandboxed, into
an EmailMessage).

python benchmarks/bench_mail.py [MAILS]
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from email.message import EmailMessage

from jinja2.sandbox import SandboxedEnvironment

from cadence.providers.letter import Mailbox
from cadence.send.letter import Envelope, compose
from cadence.send.render import load_template
from cadence.send.wayout import open_way_out

SUBJECT = "Våren, {{ first_name }}"
HTML = "<p>Hej {{ first_name }},</p>" + "<p>Våren är här, och {{ town }} med den. <b>Kom in!</b></p>\n" * 40
TEXT = "Hej {{ first_name }},\n" + "Våren är här, och {{ town }} med den.\n" * 35


def ours() -> Callable[[int], object]:
    """Composing as the hand-over does."""
    way_out = open_way_out("unsubscribe@shop.example", {1: b"a secret of 16 bytes"})
    template = load_template(SUBJECT, HTML, TEXT)
    sender = Mailbox("hej@shop.example", "Affären")

    def one(n: int) -> object:
        rendered = template.render({"first_name": f"Åsa {n}", "town": "Umeå"})
        to = Mailbox(f"p{n}@example.com", f"Åsa Öberg {n}")
        return compose(Envelope(n, n, to, sender, "newsletter", True, n), rendered, way_out)

    return one


def standard() -> Callable[[int], object]:
    """Composing with EmailMessage."""
    environment = SandboxedEnvironment(autoescape=True)
    subject, html, text = (environment.from_string(part) for part in (SUBJECT, HTML, TEXT))

    def one(n: int) -> object:
        told = {"first_name": f"Åsa {n}", "town": "Umeå"}
        mail = EmailMessage()
        mail["Subject"], mail["From"] = subject.render(told), "Affären <hej@shop.example>"
        mail["To"], mail["List-Unsubscribe"] = f"Åsa Öberg {n} <p{n}@example.com>", "<mailto:unsubscribe@shop.example>"
        mail.set_content(text.render(told))
        mail.add_alternative(html.render(told), subtype="html")
        return mail.as_bytes()

    return one


def main() -> None:
    """Both ways in turn, five times."""
    n = min(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000, 5_000)
    ways = {"composed": ours(), "with EmailMessage": standard()}
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(5):
        for name, one in ways.items():
            began = time.perf_counter()
            for i in range(n):
                one(i)
            took[name].append(time.perf_counter() - began)
    medians = {name: n / statistics.median(each) for name, each in took.items()}
    for name, speed in medians.items():
        print(f"{name}: {speed:>8,.0f} mails/s")
    print(f"{medians['composed'] / medians['with EmailMessage']:.1f} times as fast as with EmailMessage")


if __name__ == "__main__":
    main()
