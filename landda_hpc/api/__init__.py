"""Interface for scripts and notebooks: run a campaign, open its results, analyse and score arrays.

>>> import landda_hpc
>>> campaign = landda_hpc.open_campaign("runs/twin")  # doctest: +SKIP
>>> campaign.scores.groupby("run").scc.mean()  # doctest: +SKIP
>>> campaign.images("enkf_like").analysis.mean("time").plot()  # doctest: +SKIP
"""
