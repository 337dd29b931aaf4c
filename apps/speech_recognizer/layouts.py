"""Read folders whose transcripts are in no table: beside the recordings, in the names of files or folders, Kaldi's."""

import re
import unicodedata
from collections import Counter

from ..common.cli import UserError
from ..common.tables import SPLITS, fold, open_text, read_lines
from ..common.words import counted, listed
from .columns import split_of
from .patterns import compile_pattern
from .sound_files import SUFFIXES, without_suffix
from .transcript_files import Row

# Endings of a file with the transcript of one recording, the most likely first.
BESIDE = (".normalized.txt", ".txt", ".lab", ".trn", ".transcript", ".original.txt")
# Sample numbers before a transcript, as in TIMIT, or times of phones in a file that is no transcript.
_TIMES = re.compile(r"(\d+) (\d+) (?=\S)")
# Names of folders that are not those of speakers or words.
_PLAIN = set("wav wavs audio clips sound sounds recordings data mp3 flac files speech samples corpus".split())
# Labels of Speech Commands that are no words.
_NO_WORDS = ("_unknown_", "_silence_")


def rows_of_pattern(folder, config, summary):
    """Return the `Row`s of files whose names hold the transcripts.

    Raises:
        UserError: no file fits the pattern.
    """
    pattern, rows = compile_pattern(config.pattern), []
    for path in folder.sounds:
        name = folder.name_of(path)
        found = pattern.fullmatch(unicodedata.normalize("NFC", name))
        if not found:
            summary.count("name does not fit --pattern, left out", name)
            continue
        fields = found.groupdict()
        split = SPLITS.get(fold(fields["split"])) if fields.get("split") else None
        if fields.get("split") and split is None:
            raise UserError(f"{path}: split {fields['split']!r}, expected train, validation or test")
        rows.append(Row(name, name, _spaced(fields["text"]), fields.get("speaker"), split))
    if not rows:
        raise UserError(
            f"{folder.folder}: none of its {counted(len(folder.sounds), 'sound file')} fits --pattern "
            f"{config.pattern}, such as {folder.name_of(folder.sounds[0])!r}; correct the pattern"
        )
    summary.kind = "transcripts in the names of files"
    for role in ("transcript", *(each for each in ("speaker", "split") if f"{{{each}}}" in config.pattern)):
        summary.use(role, f"the name of each file, {config.pattern}")
    return rows


def _spaced(text):
    return re.sub(r"[_-]+", " ", text)


def rows_of_kaldi(folder, config, summary):
    """Return the `Row`s of Kaldi's data directories, with wav.scp, text and perhaps utt2spk; None if there are none.

    Raises:
        UserError: a file is absent, or recordings have segments.
    """
    lists = [path for path in folder.others if path.name == "wav.scp"]
    rows = []
    for scp in lists:
        place = scp.parent
        if (place / "segments").exists():
            raise UserError(
                f"{place / 'segments'}: cuts recordings into parts; expected a file for each utterance: write them, "
                "for example with Kaldi's extract-segments"
            )
        if not (place / "text").exists():
            raise UserError(f"{place}: wav.scp, but no file called text with the transcripts; add it")
        sounds = _kaldi_lines(scp, config)
        texts, speakers = (_kaldi_lines(place / name, config) for name in ("text", "utt2spk"))
        split = split_of(place.name) if place != folder.folder else None
        for key, text in texts.items():
            where = f"{folder.name_of(place / 'text')} {key}"
            if key not in sounds:
                summary.count("not in wav.scp, left out", where)
                continue
            rows.append(Row(where, _kaldi_file(sounds[key]), text, speakers.get(key) or None, split, place))
            if key in speakers:
                summary.use("speaker", "utt2spk")
        for key in sounds.keys() - texts.keys():
            summary.count("no transcript, left out", f"{folder.name_of(scp)} {key}")
    if lists:
        summary.kind = f"{counted(len(lists), 'data directory', 'data directories')} of Kaldi"
        summary.use("recording", "wav.scp")
        summary.use("transcript", "text")
    return rows if lists else None


def _kaldi_lines(path, config):
    """Return {key: rest of the line}; an empty dict if there is no such file."""
    if not path.exists():
        return {}
    lines = read_lines(open_text(path, config.table.encoding).text)
    pairs = [line.split(maxsplit=1) for line in lines if line.strip()]
    return {key: "".join(rest).strip() for key, *rest in pairs}


def _kaldi_file(value):
    """Return the sound file of an entry of wav.scp, which may be a command that ends with `|`."""
    if not value.endswith("|"):
        return value
    return next((word for word in value.split() if word.lower().endswith(SUFFIXES)), value)


def rows_beside(folder, config, summary):
    """Return the `Row`s of recordings that have a text file each, of the same name; None if there are none.

    The text file is in the same folder, or the only one of that name elsewhere, as in VCTK.
    """
    by_place, by_name = {}, {}
    for path in folder.others:
        name = path.name.casefold()
        rank = next((rank for rank, ending in enumerate(BESIDE) if name.endswith(ending)), None)
        if rank is not None:
            # a.txt or a.wav.txt
            stem = without_suffix(path.name[: -len(BESIDE[rank])]).casefold()
            by_place.setdefault((path.parent, stem), []).append((rank, path))
            by_name.setdefault(stem, []).append((rank, path))
    own = {}
    for sound in folder.sounds:
        # VCTK has two microphones.
        for stem in (sound.stem.casefold(), re.sub(r"_mic\d$", "", sound.stem.casefold())):
            found = by_place.get((sound.parent, stem)) or by_name.get(stem, [])
            if found and len({path.parent for _, path in found}) == 1:
                own[sound] = min(found)[1]
                break
    texts = {path: _transcript(path, config) for path in dict.fromkeys(own.values())}
    own = {sound: path for sound, path in own.items() if texts[path] is not None}
    if not own:
        return None
    timed = all(_TIMES.match(texts[path]) for path in own.values())
    summary.kind = "a text file for each recording"
    endings = listed(dict.fromkeys(re.search(r"(\.\w+)$", path.name)[1] for path in own.values()))
    summary.use("transcript", f"files with the name of the recording and {endings}" + ", without times" * timed)
    rows = []
    for sound, path in own.items():
        text = _TIMES.sub("", texts[path], count=1) if timed else texts[path]
        # TIMIT has a folder for each speaker.
        speaker = sound.parent.name if timed and sound.parent != folder.folder else None
        rows.append(Row(folder.name_of(path), folder.name_of(sound), text, speaker))
    return rows


def _transcript(path, config):
    """Return the text of a file; None if it has times of phones or words, a line each."""
    lines = [line.strip() for line in read_lines(open_text(path, config.table.encoding).text) if line.strip()]
    if len(lines) > 1 and all(re.match(r"[\d.]+\s+[\d.]+\s+\S+$", line) for line in lines):
        return None
    # The first line of THCHS-30 has the words, the others syllables and phones.
    return lines[0] if path.name.casefold().endswith(".trn") and lines else " ".join(lines)


def rows_of_words(folder, summary):
    """Return the `Row`s of a folder that has a folder of recordings for each word; None if it is none.

    A list of files for validation or testing, as in Speech Commands, gives the splits.
    """
    parents = Counter(path.parent for path in folder.sounds)
    names = {parent.name for parent in parents}
    plain = {name for name in names if fold(name) in _PLAIN or fold(name) in SPLITS}
    is_word = all(re.search(r"\d", name) is None for name in names) or all(
        name.isdigit() and int(name) < 100 for name in names
    )
    of_speakers = all(path.stem.casefold().startswith(path.parent.name.casefold()) for path in folder.sounds)
    if folder.folder in parents or len(names) < 2 or plain or not is_word or of_speakers:
        return None
    listed_splits = _listed_splits(folder)
    rows = []
    for path in folder.sounds:
        word, name = path.parent.name, folder.name_of(path)
        if word in _NO_WORDS:
            summary.count(f"{word} is no word, left out", name)
            continue
        split = listed_splits.get(f"{word}/{path.name}", "train" if listed_splits else None)
        who, mark, _ = path.stem.partition("_nohash_")
        rows.append(Row(name, name, _spaced(word), who if mark else None, split))
    summary.kind = "a folder of recordings for each word"
    summary.use("transcript", "the name of the folder")
    summary.note(
        "there is no table of transcripts, so a folder's name is what its recordings say; if it is not, add a table"
    )
    if any(row.speaker for row in rows):
        summary.use("speaker", "the part before _nohash_ of the name of each file")
    if listed_splits:
        summary.use("split", "validation_list.txt and testing_list.txt")
    return rows


def _listed_splits(folder):
    """Return {folder/name of a recording: split} of lists such as testing_list.txt."""
    found = {}
    for path in folder.others:
        kind = re.fullmatch(r"(\w+?)_list\.txt", path.name)
        if kind and (split := SPLITS.get(kind[1])):
            found |= dict.fromkeys((line.strip() for line in read_lines(open_text(path).text)), split)
    return found


def speaker_of_folder(folder, path):
    """Return the outermost folder whose name the name of a recording has, such as p225/p225_001.wav; else None."""
    if not path.is_relative_to(folder.folder):
        return None
    for part in path.relative_to(folder.folder).parts[:-1]:
        name = re.escape(part)
        # As in LibriSpeech and VCTK, or in AISHELL, where S0002 is a part of BAC009S0002W0122.
        inside = len(part) >= 4 and re.search(r"[a-zA-Z]\d", part)
        if re.match(rf"{name}[_-]", path.stem) or (inside and re.search(rf"{name}(?!\d)", path.stem)):
            return part
    return None
