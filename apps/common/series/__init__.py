"""Read tables of times and numbers as series on a regular grid of times, and cut windows of them."""
