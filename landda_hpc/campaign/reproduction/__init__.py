"""The papers' experiments: what each takes, and the page that shows paper and campaign side by side."""
