"""Recordings with transcripts as people have them, small and made up.

Each form: (name, {text file: content}, [sound files], settings, {recording: transcript}, {recording: (speaker,
split)}). A value of --data below the folder is the setting `file`.
"""

import json

AB = {"a.wav": "a cat", "b.wav": "a dog"}
IN_CLIPS = {f"clips/{name}": text for name, text in AB.items()}
NONE = (None, None)


def lines(*rows):
    return "\n".join(rows) + "\n"


FORMS = [
    (
        "csv",
        {"transcripts.csv": "file,text,speaker,split\nclips/a.wav,A cat.,x,train\nclips/b.wav,a dog,y,test\n"},
        list(IN_CLIPS),
        {},
        IN_CLIPS,
        {"clips/a.wav": ("x", "train"), "clips/b.wav": ("y", "test")},
    ),
    ("csv of other names", {"all.csv": "Wav_Filename;Transcript\na;A cat\nb;a dog\n"}, list(AB), {}, AB, {}),
    (
        "csv with commas in quotes",
        {"t.csv": 'path,sentence\na.wav,"A, cat"\nb.wav,"a ""dog"""\n'},
        list(AB),
        {},
        AB,
        {},
    ),
    (
        "deepspeech",
        {"x.csv": "wav_filename,wav_filesize,transcript\n/home/u/a.wav,9,a cat\n/home/u/b.wav,9,a dog\n"},
        list(IN_CLIPS),
        {},
        IN_CLIPS,
        {},
    ),
    ("csv without header", {"t.csv": "a.wav,A cat\nb.wav,a dog\n"}, list(AB), {}, AB, {}),
    ("words without header", {"t.csv": "a.wav,yes\nb.wav,no\n"}, list(AB), {}, {"a.wav": "yes", "b.wav": "no"}, {}),
    (
        "named columns",
        {"t.csv": "x,y,z,text\na,cat,o,no\nb,dog,p,no\n"},
        list(AB),
        {"file_column": "x", "text_column": "y", "speaker_column": "z"},
        {"a.wav": "cat", "b.wav": "dog"},
        {"a.wav": ("o", None), "b.wav": ("p", None)},
    ),
    (
        "windows paths",
        {"t.tsv": "path\ttext\nclips\\a.wav\tA cat\nclips\\b.WAV\ta dog\n"},
        list(IN_CLIPS),
        {},
        IN_CLIPS,
        {},
    ),
    (
        "table itself",
        {"lists/t.csv": "file,text\n../clips/a.wav,A cat\n../clips/b.wav,a dog\n"},
        list(IN_CLIPS),
        {"file": "lists/t.csv"},
        {"lists/../clips/a.wav": "a cat", "lists/../clips/b.wav": "a dog"},
        {},
    ),
    (
        "json",
        {
            "t.json": json.dumps(
                [
                    {"audio": {"path": "a.wav", "sampling_rate": 8000}, "sentence": "A cat"},
                    {"audio": {"path": "b.wav", "sampling_rate": 8000}, "sentence": "a dog"},
                ]
            )
        },
        list(AB),
        {},
        AB,
        {},
    ),
    (
        "nemo",
        {
            f"{split}_manifest.json": json.dumps({"audio_filepath": f"/data/{name}", "duration": 0.2, "text": text})
            for split, name, text in (("train", "a.wav", "a cat"), ("dev", "b.wav", "a dog"))
        },
        list(IN_CLIPS),
        {},
        IN_CLIPS,
        {"clips/a.wav": (None, "train"), "clips/b.wav": (None, "validation")},
    ),
    (
        "nemo in one file",
        {
            "m.jsonl": lines(
                *(json.dumps({"audio_filepath": name, "offset": 0.0, "text": text}) for name, text in AB.items())
            )
        },
        list(AB),
        {},
        AB,
        {},
    ),
    ("json of transcripts", {"t.json": json.dumps({"a.wav": "A cat", "b.wav": "a dog"})}, list(AB), {}, AB, {}),
    (
        "speechbrain json",
        {
            "t.json": json.dumps(
                {
                    "u1": {"wav": "{root}/a.wav", "length": 1.0, "words": "A CAT"},
                    "u2": {"wav": "{root}/b.wav", "length": 1.0, "words": "a dog"},
                }
            )
        },
        list(AB),
        {},
        AB,
        {},
    ),
    (
        "speechbrain csv",
        {
            "train.csv": "ID,duration,wav,spk_id,wrd\nu1,3,$data_root/a.wav,s,A CAT\n",
            "test.csv": "ID,duration,wav,spk_id,wrd\nu2,3,$data_root/b.wav,t,A DOG\n",
        },
        list(AB),
        {},
        AB,
        {"a.wav": ("s", "train"), "b.wav": ("t", "test")},
    ),
    (
        "wenet",
        {
            f"{split}/data.list": json.dumps({"key": "u", "wav": f"/x/{name}", "txt": text})
            for split, name, text in (("train", "a.wav", "a cat"), ("dev", "b.wav", "a dog"))
        },
        list(AB),
        {},
        AB,
        {},
    ),
    (
        "urls",
        {"t.csv": "audio,text\nhttps://x.org/d/a.wav?t=1,a cat\nhttps://x.org/d/b.wav,a dog\n"},
        list(AB),
        {},
        AB,
        {},
    ),
    (
        "librispeech",
        {
            "LibriSpeech/train-clean-100/84/121/84-121.trans.txt": "84-121-0000 GO\n84-121-0001 ON, YOU\n",
            "LibriSpeech/dev-clean/9/1/9-1.trans.txt": "9-1-0000 ON\n",
            "LibriSpeech/SPEAKERS.TXT": "84 | F | dev-clean\n",
            "LibriSpeech/README.TXT": "LibriSpeech is a corpus\n",
        },
        [
            *(f"LibriSpeech/train-clean-100/84/121/84-121-000{n}.flac" for n in (0, 1)),
            "LibriSpeech/dev-clean/9/1/9-1-0000.flac",
        ],
        {},
        {
            "LibriSpeech/train-clean-100/84/121/84-121-0000.flac": "go",
            "LibriSpeech/train-clean-100/84/121/84-121-0001.flac": "on you",
            "LibriSpeech/dev-clean/9/1/9-1-0000.flac": "on",
        },
        {
            "LibriSpeech/train-clean-100/84/121/84-121-0000.flac": ("84", "train"),
            "LibriSpeech/dev-clean/9/1/9-1-0000.flac": ("9", "validation"),
        },
    ),
    (
        "libritts",
        {
            "84/1/84_1_0.normalized.txt": "a cat",
            "84/1/84_1_0.original.txt": "A 1",
            "9/2/9_2_0.normalized.txt": "a dog",
            "9/2/9_2_0.original.txt": "x",
        },
        ["84/1/84_1_0.wav", "9/2/9_2_0.wav"],
        {},
        {"84/1/84_1_0.wav": "a cat", "9/2/9_2_0.wav": "a dog"},
        {"84/1/84_1_0.wav": ("84", None)},
    ),
    (
        "multilingual librispeech",
        {
            f"{split}/transcripts.txt": f"{who}_2_000\t{text}\n"
            for split, who, text in (("train", 4800, "a cat"), ("dev", 77, "a dog"))
        },
        ["train/audio/4800/2/4800_2_000.opus", "dev/audio/77/2/77_2_000.opus"],
        {},
        {"train/audio/4800/2/4800_2_000.opus": "a cat", "dev/audio/77/2/77_2_000.opus": "a dog"},
        {"train/audio/4800/2/4800_2_000.opus": ("4800", "train"), "dev/audio/77/2/77_2_000.opus": ("77", "validation")},
    ),
    (
        "ljspeech",
        {"metadata.csv": lines('LJ001-0001|Printing, in 1 "sense|Printing, in one "sense', "LJ001-0002|a, 2|a two")},
        ["wavs/LJ001-0001.wav", "wavs/LJ001-0002.wav"],
        {},
        {"wavs/LJ001-0001.wav": "printing in one sense", "wavs/LJ001-0002.wav": "a two"},
        {},
    ),
    (
        "vits",
        {"filelists/train.txt": "DUMMY/a.wav|a cat\n", "filelists/val.txt": "DUMMY/b.wav|a dog\n"},
        ["wavs/a.wav", "wavs/b.wav"],
        {},
        {f"wavs/{name}": text for name, text in AB.items()},
        {},
    ),
    ("several speakers without header", {"list.txt": "a.wav|3|a cat\nb.wav|4|a dog\n"}, list(AB), {}, AB, {}),
    (
        "common voice",
        {
            name: f"client_id\tpath\tsentence_id\tsentence\tup_votes\tgender\n{who}\t{file}\t1\t{text}\t2\t\n"
            for name, who, file, text in [
                ("train.tsv", "u", "c_1.mp3", 'He said "a cat.'),
                ("dev.tsv", "v", "c_2.mp3", "a dog"),
                ("test.tsv", "w", "c_3.mp3", "It\u2019s"),
                ("validated.tsv", "u", "c_1.mp3", "no"),
                ("other.tsv", "u", "c_4.mp3", "no"),
                ("invalidated.tsv", "u", "c_4.mp3", "no"),
            ]
        }
        | {"clip_durations.tsv": "clip\tduration[ms]\nc_1.mp3\t9\n"},
        [f"clips/c_{n}.mp3" for n in (1, 2, 3, 4)],
        {},
        {"clips/c_1.mp3": "he said a cat", "clips/c_2.mp3": "a dog", "clips/c_3.mp3": "it's"},
        {"clips/c_1.mp3": ("u", "train"), "clips/c_2.mp3": ("v", "validation"), "clips/c_3.mp3": ("w", "test")},
    ),
    (
        "common voice, validated",
        {
            "validated.tsv": "client_id\tpath\tsentence\nu\ta\tA cat\nu\tb\ta dog\n",
            "invalidated.tsv": "client_id\tpath\tsentence\nu\ta\tno\n",
        },
        ["clips/a.mp3", "clips/b.mp3"],
        {},
        {"clips/a.mp3": "a cat", "clips/b.mp3": "a dog"},
        {"clips/a.mp3": ("u", None)},
    ),
    (
        "kaldi",
        {
            "train/wav.scp": "u-a sox /x/a.wav -r 8k -t wav - |\n",
            "train/text": "u-a A CAT\n",
            "train/utt2spk": "u-a u\n",
            "test/wav.scp": "v-b wav/b.wav\n",
            "test/text": "v-b A DOG\n",
            "test/utt2spk": "v-b v\n",
        },
        ["wav/a.wav", "wav/b.wav"],
        {},
        {"wav/a.wav": "a cat", "wav/b.wav": "a dog"},
        {"wav/a.wav": ("u", "train"), "wav/b.wav": ("v", "test")},
    ),
    ("text beside", {"a.txt": "A cat\n", "b.lab": "a\ndog"}, list(AB), {}, AB, {}),
    (
        "text beside, both endings",
        {"a.wav.trn": "A cat\nni3 hao3\n", "b.wav.trn": "a dog\nx y\n"},
        list(AB),
        {},
        AB,
        {},
    ),
    (
        "timit",
        {
            "TRAIN/DR1/FCJF0/SA1.TXT": "0 46797 A cat.\n",
            "TEST/DR1/MABC0/SA1.TXT": "0 99 a dog\n",
            "TRAIN/DR1/FCJF0/SA1.PHN": "0 10 h#\n",
        },
        ["TRAIN/DR1/FCJF0/SA1.WAV", "TEST/DR1/MABC0/SA1.WAV"],
        {},
        {"TRAIN/DR1/FCJF0/SA1.WAV": "a cat", "TEST/DR1/MABC0/SA1.WAV": "a dog"},
        {"TRAIN/DR1/FCJF0/SA1.WAV": ("FCJF0", "train"), "TEST/DR1/MABC0/SA1.WAV": ("MABC0", "test")},
    ),
    (
        "vctk",
        {
            "txt/p225/p225_001.txt": "A cat.\n",
            "txt/p226/p226_001.txt": "a dog\n",
            "speaker-info.txt": "ID AGE\np225 23\n",
        },
        ["wav48/p225/p225_001.wav", "wav48/p226/p226_001_mic1.flac"],
        {},
        {"wav48/p225/p225_001.wav": "a cat", "wav48/p226/p226_001_mic1.flac": "a dog"},
        {"wav48/p225/p225_001.wav": ("p225", None), "wav48/p226/p226_001_mic1.flac": ("p226", None)},
    ),
    (
        "audiofolder",
        {
            f"{split}/metadata.csv": f"file_name,transcription\n{name},{text}\n"
            for split, name, text in (("train", "a.wav", "a cat"), ("test", "a.wav", "a dog"))
        },
        ["train/a.wav", "test/a.wav"],
        {},
        {"train/a.wav": "a cat", "test/a.wav": "a dog"},
        {"train/a.wav": (None, "train"), "test/a.wav": (None, "test")},
    ),
    (
        "audiofolder in one file",
        {"metadata.jsonl": lines(*(json.dumps({"file_name": f"data/{n}", "text": t}) for n, t in AB.items()))},
        ["data/a.wav", "data/b.wav"],
        {},
        {f"data/{n}": t for n, t in AB.items()},
        {},
    ),
    (
        "digits",
        {},
        ["0_george_1.wav", "7_lucas_12.wav"],
        {"pattern": "{text}_{speaker}_{n}.wav"},
        {"0_george_1.wav": "0", "7_lucas_12.wav": "7"},
        {"0_george_1.wav": ("george", None), "7_lucas_12.wav": ("lucas", None)},
    ),
    (
        "pattern with folders",
        {},
        ["train/bob/turn_on-1.mp3", "test/eve/go-2.wav"],
        {"pattern": "{split}/{speaker}/{text}-*"},
        {"train/bob/turn_on-1.mp3": "turn on", "test/eve/go-2.wav": "go"},
        {"train/bob/turn_on-1.mp3": ("bob", "train"), "test/eve/go-2.wav": ("eve", "test")},
    ),
    (
        "speech commands",
        {
            "validation_list.txt": "no/bb_nohash_0.wav\n",
            "testing_list.txt": "no/cc_nohash_0.wav\n",
            "README.md": "x",
            "LICENSE": "x",
        },
        ["yes/aa_nohash_0.wav", "no/bb_nohash_0.wav", "no/cc_nohash_0.wav", "_background_noise_/running_tap.wav"],
        {},
        {"yes/aa_nohash_0.wav": "yes", "no/bb_nohash_0.wav": "no", "no/cc_nohash_0.wav": "no"},
        {
            "yes/aa_nohash_0.wav": ("aa", "train"),
            "no/bb_nohash_0.wav": ("bb", "validation"),
            "no/cc_nohash_0.wav": ("cc", "test"),
        },
    ),
    (
        "folders of words by split",
        {},
        ["train/yes/1.wav", "train/no/1.wav", "test/no/1.wav"],
        {},
        {"train/yes/1.wav": "yes", "train/no/1.wav": "no", "test/no/1.wav": "no"},
        {"train/yes/1.wav": (None, "train")},
    ),
    (
        "sphinx",
        {
            "etc/an4_train.transcription": "<s> A CAT </s> (a)\n",
            "etc/an4_test.transcription": "A DOG (b)\n",
            "etc/an4_train.fileids": "an4/a\n",
        },
        ["wav/an4/a.wav", "wav/an4/b.wav"],
        {},
        {"wav/an4/a.wav": "a cat", "wav/an4/b.wav": "a dog"},
        {"wav/an4/a.wav": (None, "train"), "wav/an4/b.wav": (None, "test")},
    ),
    (
        "voxforge",
        {"s1/etc/PROMPTS": "s1/mfc/a0001 A CAT\n", "s2/etc/PROMPTS": "s2/mfc/a0001 A DOG\n"},
        ["s1/wav/a0001.wav", "s2/wav/a0001.wav"],
        {},
        {"s1/wav/a0001.wav": "a cat", "s2/wav/a0001.wav": "a dog"},
        {},
    ),
    (
        "aishell",
        {"transcript/aishell_transcript_v0.8.txt": "BAC009S0002W0122 而 对\nBAC009S0003W0122 楼市\n"},
        [f"wav/{split}/S000{n}/BAC009S000{n}W0122.wav" for split, n in (("train", 2), ("test", 3))],
        {},
        {"wav/train/S0002/BAC009S0002W0122.wav": "而 对", "wav/test/S0003/BAC009S0003W0122.wav": "楼市"},
        {"wav/train/S0002/BAC009S0002W0122.wav": ("S0002", "train")},
    ),
    (
        "fleurs",
        {
            f"{split}.tsv": f"12\t{name}\tA {text}, 1.\ta {text} 1\t{' '.join(text)} |\t9\tMALE\n"
            for split, name, text in (("train", "90.wav", "cat"), ("dev", "91.wav", "dog"))
        },
        ["audio/train/90.wav", "audio/dev/91.wav"],
        {},
        {"audio/train/90.wav": "a cat 1", "audio/dev/91.wav": "a dog 1"},
        {},
    ),
    (
        "line index",
        {"line_index.tsv": "af_01\tA cat\naf_02\ta dog\n"},
        ["af_01.wav", "af_02.wav"],
        {},
        {"af_01.wav": "a cat", "af_02.wav": "a dog"},
        {},
    ),
    (
        "jsut",
        {"basic/transcript_utf8.txt": "B_0001:水を\nB_0002:木曜日\n"},
        ["basic/wav/B_0001.wav", "basic/wav/B_0002.wav"],
        {},
        {"basic/wav/B_0001.wav": "水を", "basic/wav/B_0002.wav": "木曜日"},
        {},
    ),
    (
        "fluent commands",
        {
            f"data/{name}_data.csv": f",path,speakerId,transcription,action\n0,wavs/{file},{who},{text},x\n"
            for name, file, who, text in (("train", "a.wav", "k", "a cat"), ("test", "b.wav", "l", "a dog"))
        },
        ["wavs/a.wav", "wavs/b.wav"],
        {},
        {f"wavs/{name}": text for name, text in AB.items()},
        {"wavs/a.wav": ("k", "train"), "wavs/b.wav": ("l", "test")},
    ),
    (
        "sound of videos",
        {"t.csv": "file,text\na.mp4,a cat\nb.webm,a dog\n"},
        ["a.mp4", "b.webm"],
        {},
        {"a.mp4": "a cat", "b.webm": "a dog"},
        {},
    ),
    (
        "split by folder",
        {"t.csv": "file,text\na.wav,A cat\nb.wav,a dog\n"},
        ["train/a.wav", "dev-clean/b.wav"],
        {},
        {"train/a.wav": "a cat", "dev-clean/b.wav": "a dog"},
        {"train/a.wav": (None, "train"), "dev-clean/b.wav": (None, "validation")},
    ),
]
