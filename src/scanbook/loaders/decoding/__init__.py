"""The formats one by one, below `loaders.reading`: what a file is, whether it is whole, and its pixels as uint8."""
