"""From numbers to pages: plates, figures, the run behind a watcher, one self-contained file."""
