"""Files of captions as people have them: (name, {file: content}, settings, {clip: captions}); small and made up."""

import gzip
import json

from apps.common.tables import TableFormat

TWO = {"a.mp4": ["a cat", "the cat"], "b.mp4": ["a dog"]}
MSRVTT = {
    "info": {"year": "2016"},
    "videos": [
        {
            "id": 0,
            "video_id": "video0",
            "category": 9,
            "url": "u",
            "start time": 1.0,
            "end time": 2.0,
            "split": "train",
        },
        {
            "id": 1,
            "video_id": "video1",
            "category": 9,
            "url": "u",
            "start time": 1.0,
            "end time": 2.0,
            "split": "validate",
        },
    ],
    "sentences": [
        {"sen_id": 0, "video_id": "video0", "caption": "a cat"},
        {"sen_id": 1, "video_id": "video1", "caption": "a dog"},
        {"sen_id": 2, "video_id": "video0", "caption": "the cat"},
    ],
}
COCO = {
    "images": [{"id": 5, "file_name": "a.jpg"}, {"id": 6, "file_name": "b.jpg"}],
    "annotations": [
        {"id": 1, "image_id": 5, "caption": "a cat"},
        {"id": 2, "image_id": 6, "caption": "a dog"},
        {"id": 3, "image_id": 5, "caption": "the cat"},
    ],
}
KARPATHY = {
    "dataset": "x",
    "images": [
        {"filename": "a.jpg", "imgid": 0, "split": "restval", "sentids": [0, 1],
         "sentences": [{"raw": "A cat.", "tokens": ["a", "cat"]}, {"raw": "The cat.", "tokens": ["the", "cat"]}]},
        {"filename": "b.jpg", "imgid": 1, "split": "val", "sentids": [2], "sentences": [{"raw": "A dog.",
         "tokens": []}]},
    ],
}  # fmt: skip
MSVD = (
    "VideoID,Start,End,WorkerID,Source,AnnotationTime,Language,Description\n"
    "mv89,33,46,588702,unverified,55,English,A cat.\n"
    "mv89,33,46,588703,unverified,55,German,Eine Katze.\n"
    "mv89,33,46,588704,unverified,55,English,The cat.\n"
    "mv89,50,60,588704,unverified,55,English,A dog.\n"
)
PARTS = {"mv89_33_46.avi": ["a cat", "the cat"], "mv89_50_60.avi": ["a dog"]}
VATEX = [
    {"videoID": "a_000001_000011", "enCap": ["A cat.", "The cat."], "chCap": ["一只猫"]},
    {"videoID": "b_000001_000011", "enCap": ["A dog."], "chCap": ["一只狗"]},
]
ASK = {"from": "human", "value": "<video>\nDescribe it."}


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


def two_lists(name="caption", clip="video"):
    return [{clip: "a.mp4", name: ["a cat", "the cat"]}, {clip: "b.mp4", name: ["a dog"]}]


# (name, {file: content}, settings, {clip: captions}); the clips are made, too.
FORMS = [
    ("columns", {"captions.csv": "clip,caption\na.mp4,A cat.\nb.mp4,a dog\na.mp4,the cat\n"}, {}, TWO),
    ("other columns", {"x.csv": "fname;n;desc\na.mp4;1;a cat\nb.mp4;2;a dog\na.mp4;3;the cat\n"}, {}, TWO),
    ("named columns", {"x.tsv": "u\tv\tw x\na.mp4\tno no\ta cat\nb.mp4\tno no\ta dog\na.mp4\tno no\tthe cat\n"},
     {"clip_column": "u", "caption_column": "w x"}, TWO),
    ("excel's CSV", {"captions.csv": '\ufeffclip;caption\r\na.mp4;"a cat"\r\nb.mp4;a dog\r\na.mp4;the cat\r\n'}, {},
     TWO),
    ("UTF-16", {"captions.csv": "clip\tcaption\na.mp4\ta cat\nb.mp4\ta dog\na.mp4\tthe cat\n".encode("utf-16")}, {},
     TWO),
    ("gzip", {"captions.csv.gz": gzip.compress(b"clip,caption\na.mp4,a cat\nb.mp4,a dog\na.mp4,the cat\n")}, {}, TWO),
    ("TSV without header", {"captions.tsv": "a.mp4\ta cat\nb.mp4\ta dog\na.mp4\tthe cat\n"}, {}, TWO),
    ("CSV without header", {"captions.csv": "a.mp4,a cat\nb.mp4,a dog\na.mp4,the cat\n"}, {}, TWO),
    ("Open-Sora", {"data.csv": "/d/a.mp4,a cat,51\n/d/b.mp4,a dog,51\n/d/a.mp4,the cat,51\n"}, {}, TWO),
    ("index of pandas", {"captions.csv": ",video,caption\n0,a.mp4,a cat\n1,b.mp4,a dog\n2,a.mp4,the cat\n"}, {}, TWO),
    ("several columns", {"c.csv": "video_id,caption1,caption2\na,a cat,the cat\nb,a dog,\n"}, {}, TWO),
    ("several columns from 0", {"c.csv": "name,Caption_0,Caption_1\na,a cat,the cat\nb,a dog,\n"}, {}, TWO),
    ("lists as text", {"c.csv": "raw,split,filename,img_id\n\"[\"\"a cat\"\", \"\"the cat\"\"]\",train,a.jpg,0\n"
                       "\"['a dog']\",val,b.jpg,1\n"}, {}, TWO),
    ("MSR-VTT", {"train_val_videodatainfo.json": json.dumps(MSRVTT)}, {},
     {"video0.mp4": ["a cat", "the cat"], "video1.mp4": ["a dog"]}),
    ("MSR-VTT, sentences only", {"captions.json": json.dumps({"sentences": MSRVTT["sentences"]})}, {},
     {"video0.mp4": ["a cat", "the cat"], "video1.mp4": ["a dog"]}),
    ("MSR-VTT 1k", {"MSRVTT_JSFUSION_test.csv": "key,vid_key,video_id,sentence\nret0,msr0,video0,a cat\n"
                    "ret1,msr1,video1,a dog\n"}, {}, {"video0.mp4": ["a cat"], "video1.mp4": ["a dog"]}),
    ("MSVD corpus", {"video_corpus.csv": MSVD}, {}, PARTS),
    ("MSVD corpus, German", {"video_corpus.csv": MSVD}, {"language": "de"}, {"mv89_33_46.avi": ["eine katze"]}),
    ("MSVD lines", {"AllVideoDescriptions.txt": "# MSVD\n#\n\nmv89_33_46 a cat\nmv89_33_46 the cat\n"
                    "mv89_50_60 a dog, or\n"},
     {}, {**PARTS, "mv89_50_60.avi": ["a dog, or"]}),
    ("MSVD list", {"training_label.json": json.dumps([{"caption": ["A cat.", "The cat."], "id": "a.avi"},
                                                      {"caption": ["A dog."], "id": "b.avi"}])},
     {}, {"a.avi": ["a cat", "the cat"], "b.avi": ["a dog"]}),
    ("MSVD-CN", {"msvd_cn_captions.tsv": "1\tvid1\t一只 猫\n2\tvid2\t一只 狗\n"}, {},
     {"vid1.avi": ["一只 猫"], "vid2.avi": ["一只 狗"]}),
    ("S2VT", {"sents_train_lc_nopunc.txt": "vid1\ta cat\nvid1\tthe cat\nvid2\ta dog\n"}, {},
     {"vid1.avi": ["a cat", "the cat"], "vid2.avi": ["a dog"]}),
    ("Flickr8k token", {"Flickr8k.token.txt": "a.jpg#0\tA cat .\na.jpg#1\tThe cat .\nb.jpg#0\tA dog .\n"}, {}, TWO),
    ("Flickr8k of Kaggle", {"captions.txt": 'image,caption\na.jpg,A cat .\na.jpg,"The cat, ."\nb.jpg,A dog .\n'}, {},
     {**TWO, "a.mp4": ["a cat", "the cat,"]}),
    ("Flickr30k", {"results.csv": "image_name| comment_number| comment\na.jpg| 0| A cat .\na.jpg| 1| The cat .\n"
                   "b.jpg| 0| A dog .\n"}, {}, TWO),
    ("pictures", {"Flickr8k.token.txt": "a.jpg#0\tA cat .\nb.jpg#0\tA dog .\n"}, {},
     {"a.jpg": ["a cat"], "b.jpg": ["a dog"]}),
    ("TGIF", {"tgif-v1.0.tsv": "https://38.media.tumblr.com/x/a.gif\ta cat\n"
              "https://33.media.tumblr.com/y/b.gif\ta dog\n"},
     {}, {"a.gif": ["a cat"], "b.gif": ["a dog"]}),
    ("LSMDC", {"LSMDC16_annos_training.csv": "a\t1.0\t2.0\t1.0\t2.0\tA cat.\nb\t1.0\t2.0\t1.0\t2.0\tSOMEONE runs.\n"},
     {},
     {"a.avi": ["a cat"], "b.avi": ["someone runs"]}),
    ("WebVid", {"results_2M_val.csv": "videoid,contentUrl,duration,page_dir,name\n"
                "21179,https://ak.x/21179.mp4,PT12S,p,A cat\n"
                "5630,https://ak.x/p.mp4,PT12S,p,A dog\n"}, {}, {"21179.mp4": ["a cat"], "5630.mp4": ["a dog"]}),
    ("NExT-GPT", {"webvid.json": json.dumps([{"caption": "A cat", "video_name": "a.mp4"},
                                             {"caption": "A dog", "video_name": "b.mp4"}])},
     {}, {"a.mp4": ["a cat"], "b.mp4": ["a dog"]}),
    ("VATEX", {"vatex_training_v1.0.json": json.dumps(VATEX)}, {},
     {"a_000001_000011.mp4": ["a cat", "the cat"], "b_000001_000011.mp4": ["a dog"]}),
    ("VATEX, Chinese", {"vatex_training_v1.0.json": json.dumps(VATEX)}, {"language": "Chinese"},
     {"a_000001_000011.mp4": ["一只猫"], "b_000001_000011.mp4": ["一只狗"]}),
    ("captions by language", {"c.json": json.dumps([{"video": "a", "caption": {"en": ["a cat"],
     "de": ["eine katze"]}}])},
     {}, {"a.mp4": ["a cat"]}),
    ("COCO", {"captions_val2017.json": json.dumps(COCO)}, {}, TWO),
    ("Karpathy", {"dataset_flickr8k.json": json.dumps(KARPATHY)}, {}, TWO),
    ("object of lists", {"captions.json": json.dumps({"a": ["A cat.", "The cat."], "b": ["A dog."]})}, {}, TWO),
    ("object of texts", {"captions.json": json.dumps({"a.mp4": "A cat.", "b.mp4": "A dog."}, indent=1)}, {},
     {"a.mp4": ["a cat"], "b.mp4": ["a dog"]}),
    ("object of one clip", {"captions.json": json.dumps({"a.mp4": "A cat."})}, {}, {"a.mp4": ["a cat"]}),
    ("object of objects", {"captions.json": json.dumps({"a": {"captions": ["a cat", "the cat"], "duration": 3},
                                                        "b": {"captions": ["a dog"], "duration": 3}})}, {}, TWO),
    ("COCO evaluation", {"gts.json": json.dumps({"a": [{"image_id": "a", "cap_id": 0, "caption": "a cat"},
                                                       {"image_id": "a", "cap_id": 1, "caption": "the cat"}],
                                                 "b": [{"image_id": "b", "cap_id": 0, "caption": "a dog"}]})}, {}, TWO),
    ("tokens", {"captions.json": json.dumps({"a": [["a", "cat"], ["the", "cat"]], "b": [["a", "dog"]]})}, {}, TWO),
    ("object of splits", {"captions.json": json.dumps({"train": {"a": ["a cat", "the cat"]}, "val": {"b": "a dog"}})},
     {}, TWO),
    ("splits of lists", {"captions.json": json.dumps({"train": two_lists()[:1], "test": two_lists()[1:]})}, {}, TWO),
    ("list", {"anything.json": json.dumps(two_lists())}, {}, TWO),
    ("list in an object", {"anything.json": json.dumps({"version": 1, "data": two_lists()})}, {}, TWO),
    ("list of lists", {"anything.json": json.dumps([["a.mp4", "a cat"], ["b.mp4", "a dog"], ["a.mp4", "the cat"]])},
     {}, TWO),
    ("object of columns", {"captions.json": json.dumps({"clip": ["a", "b", "a"], "caption": ["a cat", "a dog",
     "the cat"]})},
     {}, TWO),
    ("pandas' JSON", {"captions.json": json.dumps({"clip": {"0": "a", "1": "b", "2": "a"},
                                                   "caption": {"0": "a cat", "1": "a dog", "2": "the cat"}})}, {}, TWO),
    ("JSON lines", {"captions.jsonl": lines(*two_lists("sentence"))}, {}, TWO),
    ("JSON lines in .json", {"captions.json": lines(*two_lists("text", "file_name"))}, {}, TWO),
    ("mPLUG", {"msrvtt.jsonl": lines(*two_lists("golden_caption", "video_id"))}, {}, TWO),
    ("Open-Sora-Plan", {"anno.json": json.dumps([{"path": "p0/x/a.mp4", "cap": ["a cat", "the cat"], "size": 7,
     "fps": 25.0},
                                                 {"path": "p0/x/b.mp4", "cap": ["a dog"], "size": 7, "fps": 25.0}])},
                                                  {}, TWO),
    ("metadata.jsonl", {"metadata.jsonl": lines({"file_name": "a.mp4", "text": "A cat"}, {"file_name": "b.mp4",
     "text": "A dog"},
                                                {"file_name": "a.mp4", "text": "The cat"})}, {}, TWO),
    ("metadata.csv", {"metadata.csv": "file_name,text\na.mp4,A cat\nb.mp4,A dog\na.mp4,The cat\n"}, {}, TWO),
    ("LLaVA", {"llava.json": json.dumps([
        {"id": "1", "video": "videos/a.mp4", "conversations": [ASK, {"from": "gpt", "value": "A cat."}]},
        {"id": "2", "video": "videos/b.mp4", "conversations": [ASK, {"from": "gpt", "value": "A dog."}, ASK,
                                                             {"from": "gpt", "value": "Yes."}]}])},
     {}, {"a.mp4": ["a cat"], "b.mp4": ["a dog"]}),
    ("LLaMA-Factory", {"train.jsonl": lines(
        {"messages": [{"role": "user", "content": "<video>"}, {"role": "assistant", "content": "A cat."}],
         "videos": ["a.mp4"]},
        {"messages": [{"role": "user", "content": "<video>"},
                      {"role": "assistant", "content": [{"type": "text", "text": "A dog."}]}], "videos": ["b.mp4"]})},
     {}, {"a.mp4": ["a cat"], "b.mp4": ["a dog"]}),
    ("finetrainers", {"prompt.txt": "A cat.\nA dog, or\nThe cat\n",
     "videos.txt": "videos/a.mp4\nvideos/b.mp4\nvideos/a.mp4\n"},
     {}, {"a.mp4": ["a cat", "the cat"], "b.mp4": ["a dog, or"]}),
    ("text beside each clip", {"a.txt": "A cat.\nThe cat.\n", "b.txt": "A dog."}, {}, TWO),
    ("video2dataset", {"a.txt": "A cat.", "a.json": '{"url": "u"}', "b.json": json.dumps({"caption": "A dog",
     "url": "u"}),
                       "stats.csv": "count,failed\n2,0\n"}, {}, {"a.mp4": ["a cat"], "b.mp4": ["a dog"]}),
    ("YouCook2, one part each", {"youcookii_annotations_trainval.json": json.dumps({"database": {
        "a": {"subset": "training", "duration": 9, "annotations": [{"segment": [1, 2], "id": 0, "sentence": "cut it"}]},
        "b": {"subset": "validation", "duration": 9, "annotations": [{"segment": [1, 2], "id": 0,
         "sentence": "fry it"}]}}})},
     {}, {"a.mp4": ["cut it"], "b.mp4": ["fry it"]}),
    ("ActivityNet, cut into parts", {"train.json": json.dumps({"v_a": {
        "duration": 82.7, "timestamps": [[0.83, 19.86], [17.37, 60.8]], "sentences": ["A cat.", " A dog."]}})},
     {}, {"v_a_0.83_19.86.mp4": ["a cat"], "v_a_17_61.mp4": ["a dog"]}),
    ("numbers", {"captions.csv": "id,caption\n7,a cat\n12,a dog\n"}, {}, {"video7.mp4": ["a cat"],
     "00012.mp4": ["a dog"]}),
    ("decimal numbers", {"captions.csv": "id,caption\n7.0,a cat\n12.0,a dog\n"}, {}, {"7.mp4": ["a cat"],
     "12.mp4": ["a dog"]}),
    ("folders", {"captions.csv": "clip,caption\nx/a.mp4,a cat\nx\\b.mp4,a dog\n/home/me/set/y/a.mp4,a bird\n"}, {},
     {"x/a.mp4": ["a cat"], "x/b.mp4": ["a dog"], "y/a.mp4": ["a bird"]}),
    ("case and Unicode", {"captions.csv": "clip,caption\na.mp4,a cat\ncafe\u0301.avi,a dog\nB,a bird\n"}, {},
     {"A.MP4": ["a cat"], "caf\u00e9.avi": ["a dog"], "b.webm": ["a bird"]}),
    ("captions in a folder", {"annotations/captions.csv": "clip,caption\na,a cat\nb,a dog\n"}, {},
     {"videos/a.mp4": ["a cat"], "videos/b.mp4": ["a dog"]}),
    ("empty and repeated captions",
     {"captions.csv": "clip,caption\na.mp4,a cat\na.mp4,\na.mp4,A cat.\nb.mp4,  .\nb.mp4,a dog\n"},
     {}, {"a.mp4": ["a cat"], "b.mp4": ["a dog"]}),
    ("case kept", {"captions.csv": "clip,caption\na.mp4,A Cat.\n"}, {"lowercase": False}, {"a.mp4": ["A Cat"]}),
    ("commas without quotes", {"captions.csv": "clip,caption\na.mp4,a cat, a dog\nb.mp4,a dog\n"},
     {"table": TableFormat(lenient=True)}, {"a.mp4": ["a cat, a dog"], "b.mp4": ["a dog"]}),
    ("list of {clip: captions}", {"captions.json": json.dumps([{"a": ["a cat", "the cat"]}, {"b": "a dog"}])}, {}, TWO),
    ("lines of {clip: caption}", {"captions.jsonl": lines({"a": "a cat"}, {"b": "a dog"}, {"a": "the cat"})}, {}, TWO),
    ("lines of lists", {"captions.jsonl": lines(["a", "a cat"], ["b", "a dog"], ["a", "the cat"])}, {}, TWO),
    ("one line", {"captions.jsonl": lines({"video": "a", "text": "a cat"})}, {}, {"a.mp4": ["a cat"]}),
    ("numbered captions", {"captions.json": json.dumps({"a": {"0": "a cat", "1": "the cat"}, "b": {"0": "a dog"}})},
     {}, TWO),
    ("languages of a clip", {"captions.json": json.dumps({"a": {"en": "a cat", "de": "eine Katze"}})},
     {"language": "de"},
     {"a.mp4": ["eine katze"]}),
    ("clips in a wrapper", {"captions.json": json.dumps({"info": {}, "clips": {"a": {"caption": "a cat"},
     "b": "a dog"}})}, {},
     {"a.mp4": ["a cat"], "b.mp4": ["a dog"]}),
    ("COCO without images", {"captions.json": json.dumps({"annotations": [{"id": 1, "image_id": "a",
     "caption": "a cat"},
                                                                         {"id": 2, "image_id": "b",
                                                                          "caption": "a dog"}]})},
     {}, {"a.mp4": ["a cat"], "b.mp4": ["a dog"]}),
    ("objects of captions", {"x.json": json.dumps([{"video_id": "a", "captions": [{"id": 1, "caption": "a cat"},
                                                                                 {"id": 2, "caption": "the cat"}]},
                                                   {"video_id": "b", "captions": [{"id": 3, "caption": "a dog"}]}])},
                                                    {}, TWO),
    ("LAVIS", {"cap_train.json": json.dumps([{"video": "a.mp4", "caption": "a cat", "image_id": "a",
     "dataset": "msrvtt"},
                                             {"video": "b.mp4", "caption": "a dog", "image_id": "b",
                                              "dataset": "msrvtt"}])},
     {}, {"a.mp4": ["a cat"], "b.mp4": ["a dog"]}),
    ("Label Studio", {"project-1.json": json.dumps([{"video": "/data/upload/1/3f2a-a.mp4", "caption": "a cat", "id": 1,
                                                     "annotator": 1, "created_at": "2024-01-01T10:00:00Z"}])},
     {}, {"3f2a-a.mp4": ["a cat"]}),
    ("pictures among the records", {"mix.json": json.dumps([
        {"image": "p.jpg", "conversations": [ASK, {"from": "gpt", "value": "No."}]},
        {"video": "a.mp4", "conversations": [ASK, {"from": "gpt", "value": "A cat."}]}])}, {}, {"a.mp4": ["a cat"]}),
    ("columns of one name", {"captions.csv": "clip,caption,caption\na,a cat,the cat\nb,a dog,\n"}, {}, TWO),
    ("text beside, with both endings", {"a.mp4.txt": "A cat.\nThe cat.\n", "b.mp4.txt": "A dog."}, {}, TWO),
    ("text in another folder", {"labels/a.txt": "A cat.", "labels/b.txt": "A dog."}, {},
     {"videos/a.mp4": ["a cat"], "videos/b.mp4": ["a dog"]}),
    ("text in the folder of each split", {"train/1.txt": "A cat.", "val/1.txt": "A dog."}, {},
     {"train/1.mp4": ["a cat"], "val/1.mp4": ["a dog"]}),
    ("lines with a colon", {"captions.txt": "a.mp4: A cat, and\nb.mp4: A dog\n"}, {},
     {"a.mp4": ["a cat, and"], "b.mp4": ["a dog"]}),
    ("title above", {"captions.csv": "My clips,\n,\nclip,caption\na.mp4,a cat\nb.mp4,a dog\n"}, {},
     {"a.mp4": ["a cat"], "b.mp4": ["a dog"]}),
    ("lines in a cell", {"captions.csv": 'clip,caption\na.mp4,"a cat\nsleeps"\nb.mp4,a dog\n'}, {},
     {"a.mp4": ["a cat sleeps"], "b.mp4": ["a dog"]}),
    ("Charades", {"Charades_v1_train.csv": "id,subject,scene,quality,script,objects,descriptions,actions,length\n"
                  "a,S1,Kitchen,6,A script here.,food,A cat.,c01 1.0 2.0,30\n"
                  "b,S1,Kitchen,6,A script here.,food,A dog.,,30\n"},
     {}, {"a.mp4": ["a cat"], "b.mp4": ["a dog"]}),
    ("TSV with other columns", {"x.tsv": "fname\tdesc\na\ta cat\nb\ta dog\na\tthe cat\n"}, {}, TWO),
    ("numbers of rows", {"x.csv": "id,yt,caption\n1,video2,a cat\n2,video1,a dog\n3,video2,the cat\n"}, {},
     {"video2.mp4": ["a cat", "the cat"], "video1.mp4": ["a dog"]}),
    ("lines with dashes", {"captions.txt": "a.mp4 - A cat\nb.mp4 - A dog\n"}, {}, {"a.mp4": ["a cat"],
     "b.mp4": ["a dog"]}),
    ("several named columns", {"x.csv": "u,short,long\na,a cat,the cat\nb,a dog,\n"},
     {"caption_column": "short,long"}, TWO),
    ("headerless, several captions", {"x.csv": "a,a cat,the cat\nb,a dog,\n"}, {"caption_column": "2,3"}, TWO),
    ("HowTo100M, cut into parts", {"caption.json": json.dumps({"a": {"text": ["x y", "z"], "start": [0, 3], "end": [3,
     5]}})},
     {}, {"a_0_3.mp4": ["x y"], "a_3_5.mp4": ["z"]}),
    ("QVHighlights", {"highlight_val.jsonl": lines(
        {"qid": 1, "query": "A cat.", "duration": 150, "vid": "x_660.0_810.0", "relevant_windows": [[0, 16]]})},
     {}, {"x_660.0_810.0.mp4": ["a cat"]}),
    ("Panda-70M, cut into parts", {"panda70m_training_2m.csv": "videoID,url,timestamp,caption,matching_score\n"
                                   "v,https://youtu.be/v,\"[['0', '4'], ['4', '9']]\",\"['A cat.', 'A dog.']\","
                                   "\"[0.4, 0.4]\"\n"}, {}, {"v_0_4.mp4": ["a cat"], "v_4_9.mp4": ["a dog"]}),
]  # fmt: skip
