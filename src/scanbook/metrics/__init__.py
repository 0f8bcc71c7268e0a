"""From predictions.csv to numbers: scores, what they are worth, and sentences. Never imports the network
library.
"""
