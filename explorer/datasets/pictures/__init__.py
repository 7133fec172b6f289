"""A person's own pictures as a data set: read, labelled, previewed, saved, opened.

`read_files` or `read_folder` → `read_pictures` → a labelling → `save_pictures` → `load_pictures`.
"""

from ...files.table import Table, TableError, read_table
from .image.rendition import BLACK, WHITE
from .image.square import NOTES, SIZES, PictureError, Square, square
from .labelling.choices import NO_LABELS, OUR_SPLIT, LabelSource, SplitSource, label_sources, labelled, split_sources
from .labelling.folders import Level, folder_levels, folder_split
from .labelling.labels import Column, Labelling, label_by_folder, label_by_table, label_columns, no_labels
from .labelling.matching import Match, match
from .load import Description, describe_pictures, load_files, load_pictures, some_pictures
from .preview import class_counts, contact_sheet, examples
from .reading import FEWEST, MOST, Reading, read_pictures
from .sources import origin_of, read_files, read_folder
from .store import delete_pictures, own_names, pictures_folder, pictures_owner, save_pictures, test_rows

__all__ = [
    "BLACK",
    "FEWEST",
    "MOST",
    "NOTES",
    "NO_LABELS",
    "OUR_SPLIT",
    "SIZES",
    "WHITE",
    "Column",
    "Description",
    "LabelSource",
    "Labelling",
    "Level",
    "Match",
    "PictureError",
    "Reading",
    "SplitSource",
    "Square",
    "Table",
    "TableError",
    "class_counts",
    "contact_sheet",
    "delete_pictures",
    "describe_pictures",
    "examples",
    "folder_levels",
    "folder_split",
    "label_by_folder",
    "label_by_table",
    "label_columns",
    "label_sources",
    "labelled",
    "load_files",
    "load_pictures",
    "match",
    "no_labels",
    "origin_of",
    "own_names",
    "pictures_folder",
    "pictures_owner",
    "read_files",
    "read_folder",
    "read_pictures",
    "read_table",
    "save_pictures",
    "some_pictures",
    "split_sources",
    "square",
    "test_rows",
]
