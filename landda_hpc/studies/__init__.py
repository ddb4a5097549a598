"""Studies beyond one campaign: comparisons, reproductions of papers, thresholds, error archives, single images."""
