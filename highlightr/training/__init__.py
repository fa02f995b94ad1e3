"""Training: a config and labelled data in, weights, curves and figures with their spread out.

`runs.train` runs a config over seeds and folds, `ablation.ablate` its tables; both need the extra `train`. The configs
(`config`) and the data sets (`highlightr.datasets`) need neither torch nor Lightning.
"""
