"""Builder of `sms_spam`, from the archive at the UCI Machine Learning Repository."""

import tensorflow_datasets as tfds

_URL = "https://archive.ics.uci.edu/static/public/228/sms+spam+collection.zip"

_DESCRIPTION = """
5,574 text messages in English, each marked as spam or as ham, gathered from a British forum on spam, the NUS SMS
Corpus, a doctoral thesis and the SMS Spam Corpus v.0.1 Big. 403 of them repeat another to the letter.
"""

_CITATION = """
@inproceedings{almeida2011contributions,
  author    = {Almeida, Tiago A. and G{\\'o}mez Hidalgo, Jos{\\'e} Mar{\\'i}a and Yamakami, Akebo},
  title     = {Contributions to the Study of {SMS} Spam Filtering: New Collection and Results},
  booktitle = {Proceedings of the 11th ACM Symposium on Document Engineering},
  year      = {2011},
  doi       = {10.1145/2034691.2034742},
}
"""


class SmsSpam(tfds.core.GeneratorBasedBuilder):
    """SMS Spam Collection v.1 (Almeida, Gomez Hidalgo and Yamakami 2011; CC BY 4.0)."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012

    def _info(self):
        return self.dataset_info_from_configs(
            description=_DESCRIPTION,
            features=tfds.features.FeaturesDict(
                {"text": tfds.features.Text(), "label": tfds.features.ClassLabel(names=["ham", "spam"])}
            ),
            supervised_keys=("text", "label"),
            homepage="https://archive.ics.uci.edu/dataset/228/sms+spam+collection",
            citation=_CITATION,
            # The protocol of the paper trains on the first rows of the file.
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        folder = dl_manager.download_and_extract(_URL)
        return {"train": self._generate_examples(folder / "SMSSpamCollection")}

    def _generate_examples(self, path):
        rows = path.read_text(encoding="utf-8").split("\n")
        for number, row in enumerate(row for row in rows if row):
            label, _, text = row.partition("\t")
            yield number, {"label": label, "text": text}
