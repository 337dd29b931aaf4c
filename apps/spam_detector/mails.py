"""Read mails: single ones, and mailboxes."""

import contextlib
import email
import email.policy
import mailbox
import re

from ..common.labelled import decoded

_HEADER = re.compile(rb"\A(From |[A-Za-z][A-Za-z-]*: ?)")


def read_mail_file(path):
    """Yield (where, text) of the mails of a file: one mail, a mailbox, or a plain text."""
    content = path.read_bytes()
    if content.startswith(b"From "):
        with contextlib.closing(mailbox.mbox(path, create=False)) as box:
            for number, mail in enumerate(box, 1):
                yield f"{path}, mail {number}", mail_text(mail.as_bytes())
    else:
        yield str(path), mail_text(content)


def mail_text(content):
    """Return subject and text of a mail, without attachments and HTML tags; a text that is no mail as it is."""
    if not _HEADER.match(content):
        return _clean(decoded(content))
    mail = email.message_from_bytes(content, policy=email.policy.default)
    try:
        subject = str(mail.get("subject", ""))
    except (ValueError, IndexError, AttributeError):
        # Headers that break the standard.
        subject = ""
    return _clean(f"{subject}\n{_body(mail)}".strip())


def _body(mail):
    try:
        part = mail.get_body(("plain", "html"))
    except (KeyError, AttributeError, ValueError):
        part = None
    if part is None:
        texts = [each for each in mail.walk() if each.get_content_maintype() == "text" and not each.is_attachment()]
        if not texts:
            return ""
        part = texts[0]
    content = part.get_payload(decode=True) or b""
    try:
        text = content.decode(part.get_content_charset() or "utf-8")
    except (LookupError, UnicodeDecodeError):
        # No character set, an unknown one, or another than it says.
        text = decoded(content)
    return _without_tags(text) if part.get_content_subtype() == "html" else text


def _without_tags(html):
    # Slow to import.
    import bs4

    page = bs4.BeautifulSoup(html, "html.parser")
    for element in page(["script", "style", "head"]):
        element.decompose()
    return page.get_text(" ")


def _clean(text):
    # Mails hold anything; half surrogate pairs cannot be encoded.
    return text.encode("utf-8", "replace").decode().replace("\0", " ").strip()
