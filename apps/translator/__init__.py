"""A recurrent encoder and decoder with attention that translate sentences."""
