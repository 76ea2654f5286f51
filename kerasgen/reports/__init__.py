"""Reports on runs beside each other: cards of published models, benchmarks over seeds, sweeps over settings."""
