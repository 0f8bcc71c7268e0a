"""From batches to predictions: networks by name, one visible training loop, logits.

Nothing is imported here, so that `import scanbook.models` costs nothing; the
rooms (`networks`, `training`, `prediction` …) import torch when they are used.
"""
