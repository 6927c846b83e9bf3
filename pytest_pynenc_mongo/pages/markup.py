"""Elements of HTML and SVG: whatever is not made here is text, and escaped."""

import html
import re

# what HTML has no way to write, a lone half of a pair among it
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# what makes a text look like another one: marks of direction, invisible characters
_DECEPTIVE = re.compile(r"[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


class Markup(str):
    """A text that is HTML already."""

    __slots__ = ()


def element(tag: str, *children: str, **attributes: str | float | None) -> Markup:
    """Return an element.

    :param children: `Markup` as it is, any other text escaped
    :param attributes: those that are None are left out; `class_` is `class`, `aria_label` is `aria-label`
    """
    names = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
    given = "".join(f' {name}="{_value(value)}"' for name, value in names.items() if value is not None)
    start = f"<{tag}{given}>"
    return Markup(start if tag in _VOID else f"{start}{together(*children)}</{tag}>")


def together(*parts: str, between: str = "") -> Markup:
    """Return parts one behind the other, `Markup` as it is, any other text escaped."""
    return Markup(between.join(part if isinstance(part, Markup) else escaped(part) for part in parts))


def escaped(text: str) -> Markup:
    """Return a text as HTML shows it, with what cannot be seen written out."""
    visible = _DECEPTIVE.sub(_written_out, _UNPRINTABLE.sub(_written_out, text))
    return Markup(html.escape(visible, quote=True))


_VOID = frozenset({"link", "meta", "br"})


def _value(value: str | float) -> str:
    return escaped(value) if isinstance(value, str) else f"{value:.6g}"


def _written_out(found: re.Match[str]) -> str:
    return ascii(found[0])[1:-1]
