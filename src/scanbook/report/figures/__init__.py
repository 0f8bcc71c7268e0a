"""Every figure of the pages: tables and arrays in, a matplotlib Figure or a PIL image out, nothing shown or
saved.

Networks are named as they should be read (ResNet-18); their colour follows from the name.
"""

from .comparison import assignment_forest, claim_ladder, cost_table, differences_forest, named_forest, scores_forest
from .confusion import confusion_matrices, network_set_matrix
from .counts import class_balance
from .curves import learning_curves, roc_curves
from .diagrams import residual_block
from .features import Case, feature_map, neighbour_sheet
from .flow import flow_diagram
from .images import augmentation_grid, image_and_bars, samples_by_class
from .ladder import strength_ladder
from .leakage import leakage_arrows
from .maps import Column, lesion_forest, maps_sheet
from .probabilities import handed_over, reliability_diagram
from .tuning import tuning_grid

__all__ = [
    "Case",
    "Column",
    "assignment_forest",
    "augmentation_grid",
    "claim_ladder",
    "class_balance",
    "confusion_matrices",
    "cost_table",
    "differences_forest",
    "feature_map",
    "flow_diagram",
    "handed_over",
    "image_and_bars",
    "leakage_arrows",
    "learning_curves",
    "lesion_forest",
    "maps_sheet",
    "named_forest",
    "neighbour_sheet",
    "network_set_matrix",
    "reliability_diagram",
    "residual_block",
    "roc_curves",
    "samples_by_class",
    "scores_forest",
    "strength_ladder",
    "tuning_grid",
]
