"""Read tables as people have them: CSV and its relatives, JSON, Parquet and Excel, packed or not, in any encoding.

`read_table` finds out what a file is by its content, never guesses without a note, and refuses what it cannot read
with one line that says what the file is.
"""

from .columns import SPLITS, Column, TableFormat, fold
from .contents import decode, open_text, read_lines, read_text, stored_bytes
from .questions import read_questions
from .reading import is_table_name, read_table, table_of
from .summary import Summary, unused
from .table import Table

__all__ = [
    "SPLITS",
    "Column",
    "Summary",
    "Table",
    "TableFormat",
    "decode",
    "fold",
    "is_table_name",
    "open_text",
    "read_lines",
    "read_questions",
    "read_table",
    "read_text",
    "stored_bytes",
    "table_of",
    "unused",
]
