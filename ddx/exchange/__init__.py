"""Other people's files: networks of other tools and cases of other systems, read strictly and written back.

Every reader of a network ends in `BayesNet.build`, so that what is accepted was checked once and in one place.
"""
