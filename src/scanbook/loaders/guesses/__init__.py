"""What a folder of images seems to be, below `loaders.guessing`: from names, tables and headers, never from pixels."""
