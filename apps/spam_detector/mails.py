"""Read folders of mails: one folder, or one mailbox file, for each class."""

import contextlib
import email
import email.policy
import mailbox
import re
from pathlib import Path

from ..common.cli import UserError
from ..common.tables import SPLITS, fold

_HEADER = re.compile(rb"\A(From |[A-Za-z][A-Za-z-]*: ?)")


def read_mails(folder):
    """Read the mails and texts of a folder that has a folder or a mailbox file (.mbox) for each class.

    Above the classes there may be folders called train and test.

    Yields:
        (path or mail of a mailbox, for messages; class; text; split or None).

    Raises:
        UserError: there are no such folders.
    """
    folder = Path(folder)
    inner = _visible(folder)
    if inner and all(path.is_dir() and fold(path.name) in SPLITS for path in inner):
        parts = [(SPLITS[fold(path.name)], path) for path in inner]
    else:
        parts = [(None, folder)]
    found = False
    for split, part in parts:
        for path in _visible(part):
            if path.is_dir():
                files = sorted(each for each in path.rglob("*") if each.is_file() and not _is_hidden(each, path))
                label = path.name
            elif path.suffix.lower() in (".mbox", ".mbx"):
                files, label = [path], path.stem
            else:
                continue
            for file in files:
                for where, text in read_mail_file(file):
                    found = True
                    yield where, label, text, split
    if not found:
        raise UserError(
            f"{folder}: no folders of mails in it; expected a folder of mails for each class, such as spam/ and ham/"
        )


def _visible(folder):
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _is_hidden(path, base):
    return any(part.startswith(".") for part in path.relative_to(base).parts)


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
        return _clean(_decoded(content))
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
        text = _decoded(content)
    return _without_tags(text) if part.get_content_subtype() == "html" else text


def _without_tags(html):
    # Slow to import.
    import bs4

    page = bs4.BeautifulSoup(html, "html.parser")
    for element in page(["script", "style", "head"]):
        element.decompose()
    return page.get_text(" ")


def _decoded(content):
    for encoding in ("utf-8", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            pass
    return content.decode("latin-1")


def _clean(text):
    # Mails hold anything; half surrogate pairs cannot be encoded.
    return text.encode("utf-8", "replace").decode().replace("\0", " ").strip()
