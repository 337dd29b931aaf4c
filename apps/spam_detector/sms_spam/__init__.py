"""The SMS Spam Collection as a TensorFlow Datasets set, `tfds:sms_spam`."""
