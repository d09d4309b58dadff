"""Whether a text is a locale, by the form of it and by the codes that languages have. What is read by whom is the campaign's
matter."""

from __future__ import annotations

import re

_FORM = re.compile(r"([a-z]{2,3})(?:[-_][a-z]{4})?(?:[-_](?:[a-z]{2}|[0-9]{3}))?(?:[-_][a-z0-9]{5,8})*", re.IGNORECASE)
_LISTED = (
    "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo es "
    "et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik in io is it iu iw ja ji jv ka "
    "kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mo mr ms mt my na nb nd ne ng nl "
    "nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg sh si sk sl sm sn so sq sr ss st su sv sw "
    "ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu"
)
"""ISO 639-1, withdrawn ones too."""
_CODES = frozenset(_LISTED.split())


def is_locale(text: str) -> bool:
    """Whether it is a language's code, with a script, a country and a variant or without; of languages with three letters, any
    is taken."""
    found = _FORM.fullmatch(text)
    return found is not None and (len(found[1]) == 3 or found[1].lower() in _CODES)
