"""The benchmark: `./dev bench` prints one table. Ratios are taken within one run, medians of several rounds."""
