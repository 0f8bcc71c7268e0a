"""How a published set reaches DATA_DIR: by Kaggle's client or a plain download, unpacked so that it can be trusted."""
