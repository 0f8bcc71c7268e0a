"""From files to batches: what is there, what belongs together, who is tested, what the network sees.

    files → manifest → splits → cache (prepare, reading) → batches (augment)

Every room takes plain values and imports only rooms to its left; none knows the experiment. Nothing is
imported here, so that a page that needs a table does not wait for torch.
"""
