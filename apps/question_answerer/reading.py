"""Read stories with questions: bAbI's files, tables, folders of them. Imports no framework."""

import dataclasses
import hashlib
import re
from collections import Counter
from pathlib import Path

from ..common.cli import UserError
from ..common.tables import SPLITS, Column, Summary, decode, fold, is_table_name, stored_bytes, table_of, unused
from ..common.tables.contents import require_text
from ..common.words import counted, listed
from .babi import Question, facts_of, is_babi, read_babi, split_sentences
from .sample_data.make_stories import make_stories

STORY_COLUMNS = ("story", "context", "passage", "text", "paragraph", "facts", "document", "input")
QUESTION_COLUMNS = ("question", "query", "q")
ANSWER_COLUMNS = ("answer", "answers", "label", "target", "a", "output")
_SUPPORTING = Column("supporting facts", None, ("supporting", "supporting facts", "supporting ids", "evidence"), "")
_TASK = Column("task", None, ("task", "kind", "task id"), "")
_SPLIT = Column("split", None, ("split", "subset", "partition"), "")
# Endings of the files of a folder that are read, packed or not.
_TEXT_FILE = re.compile(r"\.(txt|text)(\.(gz|bz2|xz))?$", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Examples:
    """Questions about stories.

    Attributes:
        questions: list of `Question`s.
        fingerprint: SHA-256 of them; the same data gives the same split.
        columns: dict of role and name of the columns they came from; empty if there are no columns.
        summary: `Summary` of what was read.
    """

    questions: list[Question]
    fingerprint: str
    columns: dict[str, str] = dataclasses.field(default_factory=dict)
    summary: Summary | None = None

    def __len__(self):
        return len(self.questions)

    @property
    def tasks(self):
        """Names of the tasks, in the order of the data, numbers in theirs."""
        return sorted(dict.fromkeys(each.task for each in self.questions), key=_natural)

    def take(self, rows):
        """Return the questions of an index array."""
        return dataclasses.replace(self, questions=[self.questions[row] for row in rows])


def _natural(name):
    """Return a key by which qa2 comes before qa10, and names without a number stay in their order."""
    match = re.match(r"\D*(\d+)", name)
    return int(match[1]) if match else 0


def columns_of(config):
    """Return the `Column`s of story, question and answer."""
    return (
        Column("story", config.story_column, STORY_COLUMNS, "--story-column"),
        Column("question", config.question_column, QUESTION_COLUMNS, "--question-column"),
        Column("answer", config.answer_column, ANSWER_COLUMNS, "--answer-column"),
    )


def read_examples(config):
    """Read and check the questions of `config.data`.

    Args:
        config: a `Config`.

    Returns:
        `Examples`.

    Raises:
        UserError: names the file, the row and what to do.
    """
    questions, columns, kinds, summary = [], {}, [], Summary(" ".join(config.data), "")
    for source in config.data:
        for name in _files_of(source):
            found, kind = _read(name, config, summary, columns)
            questions += found
            kinds.append(kind)
    if not questions:
        raise UserError(f"{summary.name}: no questions; expected lines of QUESTION<TAB>ANSWER below their story")
    different = list(dict.fromkeys(kinds))
    summary.kind = f"{different[0]}{f', {len(kinds)} files' if len(kinds) > 1 else ''}"
    if len(different) > 1:
        summary.kind = f"{len(kinds)} files: {', '.join(different)}"
    questions = _chosen(questions, config)
    questions = [_checked(each, config, summary) for each in questions]
    _describe(questions, summary)
    # Not of where they are: the files may move.
    rows = (each._replace(where="", group="") for each in questions)
    digest = hashlib.sha256("\0".join(map(repr, rows)).encode("utf-8"))
    return Examples(questions, digest.hexdigest(), columns, summary)


def _files_of(source):
    path = Path(source)
    if source.startswith("tfds:"):
        raise UserError(f"--data {source}: expected sample, or files or folders of stories")
    if not path.is_dir():
        return [source]
    files = [each for each in sorted(path.rglob("*")) if each.is_file() and not each.name.startswith((".", "README"))]
    files = [str(each) for each in files if _TEXT_FILE.search(each.name) or is_table_name(each)]
    if not files:
        raise UserError(f"{source}: no files of stories in it; expected bAbI's .txt files, or tables")
    return files


def _read(name, config, summary, columns):
    """Return the questions of a file and words for its format."""
    if name == "sample":
        stories = make_stories(config.sample_questions)
        found = [
            Question(f"story {number}", tuple(story.sentences), story.question, story.answer, tuple(story.supporting),
                     story.task, story.split, str(number))
            for number, story in enumerate(stories, 1)
        ]  # fmt: skip
        return found, "stories made by this app"
    content = stored_bytes(name)
    if not is_table_name(name) and not content.startswith((b"PAR1", b"ARROW1")):
        text = _decoded(name, content, config)
        if is_babi(text):
            return list(read_babi(name, text)), "bAbI's format"
        if _TEXT_FILE.search(name) and "\t" not in text and "," not in text:
            raise UserError(f"{name}: neither bAbI's format, whose lines begin with their numbers, nor a table")
    return _read_table(name, content, config, summary, columns)


def _decoded(name, content, config):
    require_text(name, content)
    text = decode(name, content, config.table.encoding).text
    if "\0" in text:
        raise UserError(f"{name}: has NUL bytes; is this a text file?")
    return text


def _read_table(name, content, config, summary, columns):
    roles = columns_of(config)
    table = table_of(name, content, config.table, roles)
    if not table.cells:
        raise UserError(f"{name}: no rows; expected a story, a question and an answer in each")
    indices = [table.find(column) for column in roles]
    more = [column.index(table.names) if table.header else None for column in (_SUPPORTING, _TASK, _SPLIT)]
    for column, index in zip((*roles, _SUPPORTING, _TASK, _SPLIT), [*indices, *more], strict=True):
        if index is not None:
            summary.use(column.role, table.origin(index))
            columns[column.role] = table.names[index]
    for note in (*table.notes, unused(table, {*indices, *more})):
        if note:
            summary.note(note)
    found = []
    for row, cells in zip(table.rows, table.cells, strict=True):
        values = [cells[index] if index is not None else None for index in (*indices, *more)]
        found.append(_question(f"{name}: row {row}", *values))
    return found, table.kind


def _question(where, story, question, answer, supporting, task, split):
    """Return the `Question` of a row of a table."""
    parts = story if isinstance(story, list) else [story]
    sentences = tuple(sentence for part in parts for sentence in split_sentences(_text(part)))
    answer = ",".join(map(_text, answer)) if isinstance(answer, list) else _text(answer)
    question = _text(question)
    for value, what in ((sentences, "story"), (question, "question"), (answer, "answer")):
        if not value:
            raise UserError(f"{where}: an empty {what}; complete the row, or delete it")
    facts = supporting if isinstance(supporting, list) else re.split(r"[\s,;]+", _text(supporting))
    at = {number: number - 1 for number in range(1, len(sentences) + 1)}
    facts = facts_of(where, [fact for fact in facts if fact != ""], at)
    split = SPLITS.get(fold(_text(split)))
    # Stories that begin alike are probably parts of one.
    return Question(where, sentences, question, answer, facts, _text(task) or "questions", split, sentences[0].lower())


def _text(cell):
    if cell is None or cell != cell:
        return ""
    return str(int(cell) if isinstance(cell, float) and cell.is_integer() else cell).strip()


def _chosen(questions, config):
    """Return the questions of the tasks that are asked for."""
    if not config.tasks:
        return questions
    names = list(dict.fromkeys(each.task for each in questions))
    wanted = set()
    for task in config.tasks:
        matching = [name for name in names if name == task or re.match(rf"\D*{re.escape(task)}(?!\d)", name)]
        if not matching:
            raise UserError(f"--tasks {task}: no such task; the data has {listed(names, 30)}")
        wanted |= set(matching)
    return [each for each in questions if each.task in wanted]


def _checked(each, config, summary):
    """Return a question whose story the network can take."""
    text = "\n".join((*each.story, each.question, each.answer))
    if "\0" in text or re.search("[\ud800-\udfff]", text):
        raise UserError(f"{each.where}: has a NUL byte or half of a surrogate pair; is this text?")
    for value, what in ((" ".join(each.story), "story"), (each.question, "question")):
        if not re.search(r"[^\W_]", value):
            raise UserError(f"{each.where}: no words in the {what}; complete the row, or delete it")
    most, count = config.most_sentences, len(each.story)
    if most is None or count <= most:
        return each
    if config.max_sentences is None:
        raise UserError(
            f"{each.where}: a story of {count} sentences, longer than the memory: give --memory-slots {count}, or read "
            f"only the last {most} with --max-sentences {most}"
        )
    summary.count(f"story cut to its last {most} sentences", each.where)
    kept = tuple(fact - count + most for fact in each.supporting if fact >= count - most)
    return each._replace(story=each.story[-most:], supporting=kept)


def _describe(questions, summary):
    for each in questions[:2]:
        where = each.where.removeprefix(f"{summary.name}: ")
        facts = [index + 1 for index in each.supporting]
        story = " ".join(each.story)
        more = {"facts": " ".join(map(str, facts))} if facts else {}
        summary.example(where, question=each.question, answer=each.answer, **more, story=story)
    counts = Counter(each.task for each in questions)
    tasks = sorted(counts, key=_natural)
    named = ", ".join(f"{counts[task]:,} {task}" for task in tasks[:20])
    summary.note(f"{counted(len(questions), 'question')}: {named}{', ...' if len(tasks) > 20 else ''}")
    longest = max(len(each.story) for each in questions)
    answers = len({each.answer.lower() for each in questions})
    summary.note(f"stories of up to {longest} sentences, {counted(answers, 'different answer')}")
    splits = Counter(each.split for each in questions if each.split)
    if splits:
        summary.note("split as the data says: " + ", ".join(f"{count:,} {name}" for name, count in splits.items()))
