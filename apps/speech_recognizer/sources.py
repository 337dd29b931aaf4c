"""Find the transcripts of a folder of recordings: a table or one for each split, or another layout."""

import re
from pathlib import Path

from ..common.cli import UserError
from ..common.tables import SPLITS, is_table_name
from ..common.tables.reading import unpacked_suffix
from ..common.words import counted, listed
from .columns import split_of
from .layouts import rows_beside, rows_of_kaldi, rows_of_pattern, rows_of_words
from .sound_files import ARCHIVES, without_suffix
from .transcript_files import read_source, rows_of

_ANY_SPLIT = "|".join(sorted(SPLITS, key=len, reverse=True))
_SPLIT_WORD = re.compile(rf"(?<![a-z])({_ANY_SPLIT})(?![a-z])")
_TEXTS = (".txt", ".trn", ".trans", ".transcription", ".transcript", ".tsv", ".list", ".lst", "")
_KNOWN = re.compile(
    r"transcripts?|transcriptions?|metadata|manifest|trans|.*transcript.*|line.?index|prompts.*|validated|labels?|data|"
    r"sentences|captions?|dataset|index|"
)
# Files of Common Voice whose recordings are not checked, or were refused, and others that are no transcripts.
_UNSURE = re.compile(r"other|invalidated|reported|unvalidated.*|clip.?durations|times|segments|speaker.*|.*alignments?")
_NO_TRANSCRIPTS = re.compile(r"(readme|license|licence|requirements|changelog|notes|copying).*", re.IGNORECASE)


def read_folder(folder, config, summary):
    """Read the transcripts of a `SoundFolder`, in whatever layout.

    Returns:
        List of `Row`s.

    Raises:
        UserError: there are none that can be read.
    """
    if config.pattern is not None:
        _require_sounds(folder)
        return rows_of_pattern(folder, config, summary)
    if (rows := rows_of_kaldi(folder, config, summary)) is not None:
        return rows
    refusals = []
    if (rows := _rows_of_files(folder, config, summary, refusals)) is not None:
        return rows
    _require_sounds(folder)
    has_table = config.text_column is not None or config.file_column is not None
    if not has_table and (rows := rows_beside(folder, config, summary) or rows_of_words(folder, summary)):
        for error in refusals[:2]:
            summary.note(f"not read: {error}")
        return rows
    if refusals:
        raise refusals[0]
    raise UserError(
        f"{folder.folder}: {counted(len(folder.sounds), 'sound file')}, but no transcripts: expected a table such as "
        "transcripts.csv with the columns file and text, a text file for each recording, or a folder for each word; if "
        "the names of the files hold the transcripts, give --pattern, such as {text}_{speaker}_{n}.wav"
    )


def _require_sounds(folder):
    if not folder.sounds:
        archives = [folder.name_of(path) for path in folder.others if path.suffix.lower() in ARCHIVES]
        advice = f"; unpack {listed(archives)}" if archives else ""
        raise UserError(f"{folder.folder}: no sound files in it, such as .wav or .mp3, nor in its folders{advice}")


def read_file(path, folder, config, summary):
    """Return the `Row`s of a file of transcripts that the user named."""
    source = read_source(path, folder, config)
    summary.kind = source.table.kind
    return rows_of(source, summary)


def _rows_of_files(folder, config, summary, refusals):
    """Return the `Row`s of the tables and text files that have transcripts; None if there are none."""
    groups = _groups(folder)
    for rank in sorted({_rank(key, paths, folder) for key, paths in groups.items()}):
        usable = {}
        for key, paths in groups.items():
            if _rank(key, paths, folder) == rank and (sources := _read(paths, folder, config, refusals)):
                usable[key] = sources
        if len(usable) > 1:
            names = [folder.name_of(sources[0].path) for sources in usable.values()]
            raise UserError(
                f"{folder.folder}: {len(names)} files may hold the transcripts: {listed(names)}; give one as --data, "
                "or keep one of them"
            )
        if usable:
            sources = next(iter(usable.values()))
            for error in refusals[:2]:
                summary.note(f"not read: {error}")
            return _rows_of_sources(sources, groups, folder, summary)
    return None


def _rows_of_sources(sources, groups, folder, summary):
    used = {source.path for source in sources}
    others = [folder.name_of(path) for paths in groups.values() for path in paths if path not in used]
    if others:
        summary.note(f"not read: {listed(others, 5)}")
    kinds = ", ".join(dict.fromkeys(source.table.kind for source in sources))
    names = listed([folder.name_of(source.path) for source in sources], 4)
    summary.kind = f"transcripts in {names}: {kinds}"
    if len(sources) > 1 and any(source.split for source in sources):
        summary.use("split", "the name of each file of transcripts")
    several = len(sources) > 1
    return [
        row for source in sources for row in rows_of(source, summary, folder.name_of(source.path) if several else "")
    ]


def _groups(folder):
    """Return {name without splits and ending: [files of transcripts that belong together]}."""
    stems = {path.stem.casefold() for path in folder.sounds}
    groups = {}
    for path in folder.others:
        name = path.name.casefold()
        is_file = is_table_name(path) or path.suffix.lower() in _TEXTS
        if _NO_TRANSCRIPTS.match(name) or not is_file:
            continue
        if not is_table_name(path) and without_suffix(name.split(".")[0]) in stems:
            # The transcript of one recording.
            continue
        groups.setdefault((_base(name), unpacked_suffix(path)), []).append(path)
    return groups


def _base(name):
    """Return the name of a file without splits, numbers of parts, and ending."""
    if ".trans." in name:
        # One for each chapter of LibriSpeech.
        return "trans"
    stem = name.removesuffix(".gz").rpartition(".")[0] or name
    stem = _SPLIT_WORD.sub("", re.sub(r"\d+-of-\d+", "", stem))
    return re.sub(r"[_\-. ]+", " ", stem).strip()


def _splits(path, folder):
    """Return the splits that the name of a file, or else a folder that it is in, names."""
    found = {SPLITS[word] for word in _SPLIT_WORD.findall(path.name.casefold())}
    for part in reversed(path.relative_to(folder.folder).parts[:-1]):
        if not found and (split := split_of(part)):
            found = {split}
    return found


def _rank(key, paths, folder):
    """Return how likely files hold the transcripts, from 0."""
    base, suffix = key
    if _UNSURE.fullmatch(base):
        return 5
    splits = set().union(*(_splits(path, folder) for path in paths))
    if len(splits) > 1 and suffix != ".txt":
        return 0
    if _KNOWN.fullmatch(base):
        return 1
    return 2 if is_table_name(paths[0]) else 3


def _read(paths, folder, config, refusals):
    """Return the `Source`s of files; none if one has no recordings of the folder, or cannot be read."""
    sources = []
    for path in paths:
        splits = _splits(path, folder)
        try:
            source = read_source(path, folder, config, min(splits) if len(splits) == 1 else None)
        except UserError as error:
            refusals.append(error)
            return []
        sources.append(source)
    return sources if any(_has_recordings(source, folder) for source in sources) else _refused(sources, refusals)


def _has_recordings(source, folder):
    """Return whether a source has a sound, or the name of one that exists."""
    columns, table = source.columns, source.table
    if columns.content is not None:
        return True
    names = table.texts(columns.file)
    return any(folder.holds(name) or _exists(source.path, name) for name in names)


def _exists(path, name):
    return bool(name) and len(name) < 400 and "\0" not in name and (Path(path).parent / name).is_file()


def _refused(sources, refusals):
    source = sources[0]
    names = source.table.texts(source.columns.file)
    refusals.append(
        UserError(
            f"{source.path}: none of its {counted(len(names), 'recording')} exists, such as {names[0]!r}; put them "
            "into the folder of the file, or name their column with --file-column"
        )
    )
    return []
